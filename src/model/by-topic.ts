import { type FarshoreError, findFarshoreError } from './errors.ts';

export interface AskedByTopic<T> {
  readonly answers: readonly T[];
  /** Topics that may not be asked about, each with its reason. */
  readonly refused: ReadonlyMap<string, FarshoreError>;
}

/**
 * Asks about all topics at once; where a right is missing for one of them one by one, so that it concerns that topic and no other. Rejects with
 * what concerns all of them.
 */
export async function askByTopic<T>(ask: (topics: readonly string[]) => Promise<T>, topics: readonly string[]): Promise<AskedByTopic<T>> {
  const refused = new Map<string, FarshoreError>();
  try {
    return { answers: [await ask(topics)], refused };
  } catch (error) {
    if (concernOfOne(error) === undefined) throw error;
  }
  const answers: T[] = [];
  for (const topic of new Set(topics)) {
    try {
      answers.push(await ask([topic]));
    } catch (error) {
      const known = concernOfOne(error);
      if (known === undefined) throw error;
      refused.set(topic, known);
    }
  }
  return { answers, refused };
}

/** A right or a name; a cluster that is away concerns all topics. */
function concernOfOne(error: unknown): FarshoreError | undefined {
  const known = findFarshoreError(error);
  return known?.action === 'stop' || known?.action === 'reject' ? known : undefined;
}
