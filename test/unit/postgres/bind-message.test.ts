import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type BoundValue, writeBind } from '../../../src/postgres/bind-message.ts';

const written = (statement: string, values: readonly BoundValue[]): Buffer => {
  const stream = new PassThrough();
  writeBind(stream, statement, values);
  return stream.read() as Buffer;
};

describe('writeBind', () => {
  it('writes a Bind message: unnamed portal, formats, values, results as text', () => {
    const values = ['é', null, Buffer.from([0, 255]), { utf8: Buffer.from('{1}') }, ''];
    const bytes = written('s1', values);
    const expected = Buffer.concat([
      Buffer.from('B'),
      Buffer.from([0, 0, 0, 54]),
      Buffer.from('\0s1\0', 'latin1'),
      Buffer.from([0, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
      Buffer.from([0, 5]),
      Buffer.from([0, 0, 0, 2, 0xc3, 0xa9]),
      Buffer.from([255, 255, 255, 255]),
      Buffer.from([0, 0, 0, 2, 0, 255]),
      Buffer.from([0, 0, 0, 3, 0x7b, 0x31, 0x7d]),
      Buffer.from([0, 0, 0, 0]),
      Buffer.from([0, 1, 0, 0]),
    ]);
    expected.writeInt32BE(expected.length - 1, 1);
    expect(bytes).toEqual(expected);
  });

  it('counts itself, without the type, in its length', () => {
    for (const values of [[], ['a'], [null, { utf8: Buffer.alloc(70_000, 'x') }]] as BoundValue[][]) {
      const bytes = written('', values);
      expect(bytes.readInt32BE(1)).toBe(bytes.length - 1);
    }
  });
});
