/** A two's complement, big-endian number of at least one byte, with `scale` digits behind the point, as text with every digit. */
export function decimalText(bytes: Buffer, start: number, end: number, scale: number): string {
  const size = end - start;
  if (size <= 6) return unscaledText(String(bytes.readIntBE(start, size)), scale);
  const unsigned = BigInt(`0x${bytes.toString('hex', start, end)}`);
  return unscaledText(String(BigInt.asIntN(size * 8, unsigned)), scale);
}

function unscaledText(unscaled: string, scale: number): string {
  if (scale === 0) return unscaled;
  const negative = unscaled.startsWith('-');
  const digits = (negative ? unscaled.slice(1) : unscaled).padStart(scale + 1, '0');
  return `${negative ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
/** Of 48 bits. */
const MOST_DIGITS = 15;
const MOST_BYTES = 6;

/** Decimals of up to six bytes as `decimalText` writes them, as bytes that the next one uses again. */
export class DecimalBytes {
  readonly bytes: Buffer;
  readonly #scale: number;

  constructor(scale: number) {
    this.#scale = scale;
    this.bytes = Buffer.alloc(MOST_DIGITS + scale + 3);
  }

  /** Where the text begins that now ends with `bytes`, or -1 for a number of more bytes. */
  write(source: Buffer, start: number, end: number): number {
    if (end - start > MOST_BYTES) return -1;
    let value = (source[start]! << 24) >> 24;
    for (let i = start + 1; i < end; i++) value = value * 256 + source[i]!;
    const { bytes } = this;
    let rest = Math.abs(value);
    let at = bytes.length;
    for (let digit = 0; digit <= this.#scale || rest > 0; digit++) {
      if (digit === this.#scale && digit > 0) bytes[--at] = POINT;
      const next = Math.floor(rest / 10);
      bytes[--at] = ZERO + rest - next * 10;
      rest = next;
    }
    if (value < 0) bytes[--at] = MINUS;
    return at;
  }
}
