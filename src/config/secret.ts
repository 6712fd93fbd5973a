const HIDDEN = '[secret]';

/**
 * A value that is never printed: text, JSON and inspection all give `[secret]`. `file` is where it was
 * read from, so that a changed file can be read again; undefined for a value written in the configuration.
 */
export class Secret {
  readonly #value: string;
  readonly file: string | undefined;

  constructor(value: string, file?: string) {
    this.#value = value;
    this.file = file;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return HIDDEN;
  }
}
