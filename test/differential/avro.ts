import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { recordDecoder } from '../../src/avro/record-decoder.ts';
import { seeded } from '../faults/trial.ts';
import { quickStartFlags, rigJava } from '../rig/java.ts';
import { SchemaMaker } from './avro-schemas.ts';
import { DecodedText } from './avro-text.ts';

interface Answer {
  readonly id: number;
  readonly values?: readonly { readonly hex: string; readonly text: string }[];
  readonly error?: string;
}

export interface AvroComparison {
  readonly schemas: number;
  readonly values: number;
  /** Texts of both sides, with the schema and the seed that bring them again. */
  readonly differences: readonly string[];
}

/** Requests that are under way: the virtual machine never waits, and no answer piles up. */
const AHEAD = 64;

/**
 * Values that Java's Avro makes and encodes, of random schemas, decoded by us and by Java's own reader: the same to the last digit. `seed` is
 * that of the first schema; the others follow from it one by one.
 */
export async function compareWithJavaAvro(seed: number, schemas: number, valuesEach: number): Promise<AvroComparison> {
  const java = await rigJava();
  const child = spawn('java', [...quickStartFlags(java, 256), '-cp', java.classPath, 'AvroOracle'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000);
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const texts = new Map<number, string>();
  const ask = (id: number): void => {
    const random = seeded(id);
    const schema = JSON.stringify(new SchemaMaker((below) => Math.floor(random() * below)).record());
    texts.set(id, schema);
    child.stdin.write(`${JSON.stringify({ id, schema, seed: id, values: valuesEach })}\n`);
  };
  const differences: string[] = [];
  let values = 0;
  try {
    for (let n = 0; n < Math.min(AHEAD, schemas); n++) ask(seed + n);
    for (let n = 0; n < schemas; n++) {
      const line = await answers.next();
      if (line.done === true) throw new Error(`Java's Avro ended at seed ${seed + n}\n${said}`);
      const answer = JSON.parse(line.value) as Answer;
      const schema = texts.get(answer.id)!;
      texts.delete(answer.id);
      if (n + AHEAD < schemas) ask(seed + n + AHEAD);
      values += answer.values?.length ?? 0;
      differences.push(...differencesIn(schema, answer).map((what) => `seed ${answer.id}: ${what}\n${schema}`));
    }
  } finally {
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'exit');
  }
  return { schemas, values, differences };
}

function differencesIn(schema: string, { values, error }: Answer): readonly string[] {
  if (values === undefined) return [`Java: ${error}`];
  const decoder = recordDecoder(schema, 'differential');
  const text = new DecodedText(schema);
  return values.flatMap(({ hex, text: theirs }) => {
    const bytes = Buffer.from(hex, 'hex');
    const ours = readText(() => text.of(decoder.decode(bytes, 0, bytes.length)));
    return ours === theirs ? [] : [`ours ${ours}\njava ${theirs}`];
  });
}

function readText(work: () => string): string {
  try {
    return work();
  } catch (error) {
    return `refused: ${error instanceof Error ? error.message : String(error)}`;
  }
}
