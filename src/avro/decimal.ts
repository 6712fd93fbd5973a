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
