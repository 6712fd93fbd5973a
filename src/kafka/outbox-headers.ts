import { FarshoreError } from '../model/errors.ts';
import type { OutboxRow } from '../outbox/contracts.ts';

/**
 * The headers of a row, which an application wrote as any JSON object. Throws `batch_refused` for a value that is no text: it has no bytes that both
 * sides agree on, and the row is held as one that the broker refused.
 */
export function outboxHeaders({ id, topic, headers }: OutboxRow): readonly { readonly name: string; readonly value: string }[] {
  return Object.entries(headers).map(([name, value]) => {
    if (typeof value === 'string') return { name, value };
    throw new FarshoreError(
      'batch_refused',
      `Row ${id} of the outbox, for ${topic}: header ${JSON.stringify(name)} is ${kindOf(value)}, not text`,
      {
        hint: 'Header values are JSON strings.',
      },
    );
  });
}

const kindOf = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
};
