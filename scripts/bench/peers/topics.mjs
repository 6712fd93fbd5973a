// topics.mjs BOOTSTRAP delete TOPIC | delete-matching TEXT
import { kafka, sleep } from './lib.mjs';

const [b, verb, what] = process.argv.slice(2);
const a = kafka(b).admin();
await a.connect();
const pick = async () => (await a.listTopics()).filter((t) => (verb === 'delete' ? t === what : t.includes(what)));
const topics = await pick();
if (topics.length) await a.deleteTopics({ topics });
for (let i = 0; i < 100 && (await pick()).length; i++) await sleep(100);
await a.disconnect();
