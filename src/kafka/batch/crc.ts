import { crc32, crc32c } from '@node-rs/crc32';

/** First byte that a batch's checksum covers (magic 2): attributes and on. */
const COVERED_FROM = 21;
/** First byte that an old message's checksum covers: its magic. */
const OLD_COVERED_FROM = 16;

/** CRC-32C of a magic 2 batch, as its bytes are now. */
export const computedCrc = (batch: Buffer): number => crc32c(batch.subarray(COVERED_FROM));

/** CRC-32 of a magic 0 or 1 message. */
export const computedOldCrc = (message: Buffer): number => crc32(message.subarray(OLD_COVERED_FROM));
