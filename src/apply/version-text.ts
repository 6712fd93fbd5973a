/** Hex digits of a byte, two bytes of ASCII each. */
const digits = Buffer.from(Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0')).join(''), 'latin1');

const HOME_EPOCH_DIGITS = 8;
const ORDER_DIGITS = 8 + 16;
const TWO_32 = 4_294_967_296;

/**
 * One row's version as hex in bytes that the next one uses again, from which a column takes it: as strings put together of five parts,
 * versions were a fifth of what decoding a row cost, and much of what the garbage collector had to move.
 */
export class VersionText {
  bytes = Buffer.allocUnsafeSlow(128);
  length = 0;
  readonly #generation: number;

  constructor({ homeEpoch, generation }: { readonly homeEpoch: number; readonly generation: number }) {
    this.#generation = generation;
    this.hex32(homeEpoch);
  }

  /** Starts the next version: its source is written behind the home epoch. */
  begin(): void {
    this.length = HOME_EPOCH_DIGITS;
  }

  /** Eight digits of the low 32 bits. */
  hex32(value: number): void {
    if (this.length + 8 > this.bytes.length) this.#grow(8);
    const { bytes } = this;
    let at = this.length;
    for (let shift = 24; shift >= 0; shift -= 8) {
      const digit = ((value >>> shift) & 0xff) << 1;
      bytes[at++] = digits[digit]!;
      bytes[at++] = digits[digit + 1]!;
    }
    this.length = at;
  }

  /** Hex digits, in ASCII. */
  ascii(text: string): void {
    if (this.length + text.length > this.bytes.length) this.#grow(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i);
  }

  /** Ends the version, behind its source. */
  end(offset: bigint): void {
    this.hex32(this.#generation);
    const number = Number(offset);
    if (Number.isSafeInteger(number)) {
      this.hex32(Math.floor(number / TWO_32));
      this.hex32(number % TWO_32);
      return;
    }
    this.ascii(offset.toString(16).padStart(16, '0'));
  }

  #grow(more: number): void {
    const grown = Buffer.allocUnsafeSlow(2 * (this.length + more));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}

/** The source part of a whole version. */
export const sourceOfVersion = (version: string): string => version.slice(HOME_EPOCH_DIGITS, -ORDER_DIGITS);

/** Whether two versions of as many digits, first unlike at this digit (counted from 0), have the same source: their offsets alone differ. */
export const isSameSource = (firstDifference: number, digitsOfEach: number): boolean => firstDifference >= digitsOfEach - 16;
