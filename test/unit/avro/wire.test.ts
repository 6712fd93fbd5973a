import { describe, expect, it } from 'vitest';
import { schemaRefReader } from '../../../src/avro/wire.ts';
import { FarshoreError } from '../../../src/model/errors.ts';

const guid = '01234567-89ab-cdef-0123-456789abcdef';
const guidBytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
const idBytes = (id: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(id, 1);
  return bytes;
};
const prefixed = (magic: number, rest: Buffer): Buffer => Buffer.concat([Buffer.from([magic]), rest]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let raw = value < 0 ? -value * 2 - 1 : value * 2;
  for (; raw > 0x7f; raw = Math.floor(raw / 128)) bytes.push((raw % 128) | 0x80);
  return Buffer.from([...bytes, raw]);
}

const header = (name: string, value: Buffer | null): Buffer =>
  Buffer.concat([varint(name.length), Buffer.from(name), varint(value?.length ?? -1), value ?? Buffer.alloc(0)]);

interface Asked {
  readonly value?: Buffer;
  readonly headers?: readonly Buffer[];
  readonly count?: number;
  /** Bytes by which the headers are told shorter than they are. */
  readonly cut?: number;
  readonly side?: 'key' | 'value';
}

/** Headers and value in one buffer with strange bytes around them, as in a batch. */
function readRef({ value = Buffer.alloc(0), headers = [], count = headers.length, cut = 0, side = 'value' }: Asked) {
  const encoded = Buffer.concat(headers);
  const bytes = Buffer.concat([Buffer.from([9, 9, 9]), value, encoded, Buffer.from([9, 9])]);
  const start = 3;
  const end = start + value.length;
  const out = { ref: '', bodyStart: -1 };
  schemaRefReader()(bytes, start, end, { start: end, end: end + encoded.length - cut, count }, side, out);
  return { ref: out.ref, bodyStart: out.bodyStart - start };
}

const codeOf = (asked: Asked): string => {
  try {
    readRef(asked);
  } catch (error) {
    if (error instanceof FarshoreError) return error.code;
    throw error;
  }
  return 'nothing thrown';
};

describe('the schema reference of a record', () => {
  it('is the id behind magic 0, over all four bytes', () => {
    expect(readRef({ value: Buffer.concat([idBytes(104), Buffer.from([2])]) })).toEqual({ ref: '104', bodyStart: 5 });
    expect(readRef({ value: idBytes(4_294_967_295) })).toEqual({ ref: '4294967295', bodyStart: 5 });
  });

  it('is the GUID behind magic 1', () => {
    expect(readRef({ value: prefixed(1, guidBytes) })).toEqual({ ref: guid, bodyStart: 17 });
  });

  it('is the GUID in the header of its side, the body then standing alone', () => {
    const headers = [
      header('trace', Buffer.from('x'.repeat(300))),
      header('empty', null),
      header('__value_schema_id', prefixed(1, guidBytes)),
    ];
    expect(readRef({ value: Buffer.from([2]), headers })).toEqual({ ref: guid, bodyStart: 0 });
    expect(readRef({ value: idBytes(7), headers, side: 'key' })).toEqual({ ref: '7', bodyStart: 5 });
    expect(readRef({ headers: [header('__key_schema_id', prefixed(1, guidBytes))], side: 'key' })).toEqual({ ref: guid, bodyStart: 0 });
  });

  it('is that of the last header where there are several', () => {
    const headers = [header('__value_schema_id', prefixed(1, guidBytes)), header('__value_schema_id', idBytes(7))];
    expect(readRef({ headers })).toEqual({ ref: '7', bodyStart: 0 });
  });

  it('is found in front of the body when the headers name none', () => {
    expect(readRef({ value: idBytes(7), headers: [header('trace', Buffer.from('x'))] })).toEqual({ ref: '7', bodyStart: 5 });
  });

  it.each<[string, Asked]>([
    ['nothing', {}],
    ['another magic byte', { value: Buffer.from('{"id": 1}') }],
    ['less than an id', { value: idBytes(7).subarray(0, 4) }],
    ['less than a GUID', { value: prefixed(1, guidBytes).subarray(0, 16) }],
    ['a header of another form', { value: idBytes(7), headers: [header('__value_schema_id', Buffer.from('7'))] }],
    ['a null header', { value: idBytes(7), headers: [header('__value_schema_id', null)] }],
    ['headers that end early', { value: idBytes(7), headers: [header('trace', Buffer.from('x'))], count: 2 }],
    ['a header key longer than the headers', { value: idBytes(7), headers: [varint(500)], count: 1 }],
    ['a header that runs into the next record', { headers: [header('__value_schema_id', prefixed(1, guidBytes))], cut: 3 }],
    ['a header key of negative length', { value: idBytes(7), headers: [varint(-5)], count: 2_000_000_000 }],
    ['an endless varint in the headers', { value: idBytes(7), headers: [Buffer.alloc(10, 0xff)], count: 1 }],
  ])('is missing, and the record malformed, with %s', (_, asked) => {
    expect(codeOf(asked)).toBe('record_malformed');
  });
});
