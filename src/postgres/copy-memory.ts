/** A batch's lines are about a megabyte; what is larger is given back to the system. */
const MOST_BYTES = 4_194_304;

/**
 * The memory of one session's last copy, used again by its next: a megabyte for each batch would have V8 collect more often. It comes back
 * only after the server has answered all that was sent: after an error bytes of it may still be on their way into the socket,
 * and written over they would be read as messages of another length.
 */
export class CopyMemory {
  #kept: Buffer | undefined;

  /** At least so many bytes, with whatever was in them. */
  take(bytes: number): Buffer {
    const kept = this.#kept;
    this.#kept = undefined;
    return kept !== undefined && kept.length >= bytes ? kept : Buffer.allocUnsafeSlow(bytes);
  }

  giveBack(memory: Buffer): void {
    if (memory.length <= MOST_BYTES && memory.length > (this.#kept?.length ?? 0)) this.#kept = memory;
  }
}
