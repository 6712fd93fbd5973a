// registry.mjs [PORT=38081] [PID_FILE] : a stand-in schema registry holding this harness's two schemas, for loopback use. It answers
//   Confluent:  GET /schemas/ids/{id}, GET /subjects/{s}/versions/latest
//   Apicurio 2: GET /apis/registry/v2/ids/{globalIds|contentIds}/{id}[/references]
// Clients cache what they get, so it is not in the measured path.
import { createServer } from 'node:http';
import { KEY_SCHEMA_ID, keySchema, VALUE_SCHEMA_ID, valueSchema } from '../data.ts';

const byId = { [KEY_SCHEMA_ID]: keySchema, [VALUE_SCHEMA_ID]: valueSchema };
function bodyOf(path) {
  const confluent = /^\/schemas\/ids\/(\d+)$/.exec(path);
  if (confluent) return byId[confluent[1]] && { schema: JSON.stringify(byId[confluent[1]]) };
  const subject = /^\/subjects\/(.+)-(key|value)\/versions\/latest$/.exec(path);
  if (subject) {
    const id = subject[2] === 'key' ? KEY_SCHEMA_ID : VALUE_SCHEMA_ID;
    return { subject: `${subject[1]}-${subject[2]}`, version: 1, id, schema: JSON.stringify(byId[id]) };
  }
  const apicurio = /^\/apis\/registry\/v2\/ids\/(?:globalIds|contentIds)\/(\d+)(\/references)?$/.exec(path);
  if (!apicurio || !byId[apicurio[1]]) return undefined;
  return apicurio[2] ? [] : byId[apicurio[1]];
}

const server = createServer((q, r) => {
  const u = new URL(q.url, 'http://127.0.0.1');
  const send = (code, o) => {
    r.writeHead(code, { 'content-type': 'application/json' });
    r.end(JSON.stringify(o));
  };
  const body = bodyOf(u.pathname);
  if (process.env.REGISTRY_LOG) console.error(q.method, q.url, body ? 200 : 404);
  if (body) send(200, body);
  else send(404, { error_code: 40403, message: 'not found' });
});
server.listen(Number(process.argv[2] || 38081), '127.0.0.1', () => console.log('registry ready'));
