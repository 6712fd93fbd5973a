/** A schema as JSON. */
export type Json = string | readonly Json[] | { readonly [key: string]: unknown };

type Pick = (below: number) => number;

const digits = (bytes: number): number => Math.floor(Math.log10(2) * (8 * bytes - 1));

/**
 * A random schema of every type and logical type the daemon reads, with what schemas in registries carry besides: namespaces, aliases, docs,
 * defaults (valid or not), logical types that are not valid and so are none. Branches of a union differ in what they are decoded to:
 * a decoded value does not name its branch.
 */
export class SchemaMaker {
  readonly #pick: Pick;
  #names = 0;
  /** Records that are being made: a field may name one of them again. */
  readonly #open: string[] = [];

  constructor(pick: Pick) {
    this.#pick = pick;
  }

  record(depth = 3): Json {
    const [name, namespace] = [`R${this.#names++}`, this.#pick(3) === 0 ? `n${this.#pick(3)}.deep` : undefined];
    const known = namespace === undefined ? name : `${namespace}.${name}`;
    this.#open.push(known);
    const fields = Array.from({ length: 1 + this.#pick(6) }, (_, i) => this.#field(`f${i}`, depth - 1));
    this.#open.pop();
    return { type: 'record', name, ...(namespace === undefined ? {} : { namespace }), ...this.#extras(), fields };
  }

  #field(name: string, depth: number): Json {
    const type = this.any(depth);
    // Of null, and at times not valid: registries hold both.
    const hasDefault = Array.isArray(type) && type[0] === 'null' && this.#pick(2) === 0;
    return { name, type, ...(hasDefault ? { default: this.#pick(3) === 0 ? 'null' : null } : {}), ...this.#extras() };
  }

  #extras(): object {
    return { ...(this.#pick(4) === 0 ? { doc: 'what it is' } : {}), ...(this.#pick(4) === 0 ? { aliases: [`old${this.#names++}`] } : {}) };
  }

  any(depth: number): Json {
    if (depth <= 0) return this.#scalar();
    switch (this.#pick(9)) {
      case 0:
        return { type: 'array', items: this.any(depth - 1) };
      case 1:
        return { type: 'map', values: this.any(depth - 1) };
      case 2:
      case 3:
        return this.#union(depth - 1);
      case 4:
        return this.record(depth - 1);
      case 5: {
        // A list that ends, or children.
        const again = this.#open.at(-1);
        if (again === undefined) return this.#scalar();
        return this.#pick(2) === 0 ? ['null', again] : { type: 'array', items: ['null', again] };
      }
      default:
        return this.#scalar();
    }
  }

  #union(depth: number): Json {
    const classes: (() => Json)[] = [() => 'null', () => 'boolean', () => this.#number(), () => this.#text(), () => this.#bytes()];
    classes.push(
      () => ({ type: 'array', items: this.any(depth) }),
      () => (this.#pick(2) === 0 ? { type: 'map', values: this.any(depth) } : this.record(depth)),
    );
    const chosen = classes.filter(() => this.#pick(2) === 0);
    const branches = new Map<string, Json>();
    for (const make of chosen) {
      const branch = make();
      const { type = branch, name = type } = branch as { readonly type?: Json; readonly name?: Json };
      branches.set(String(name), branches.get(String(name)) ?? branch);
    }
    // A record may not be a branch twice, and null is none that says nothing.
    return branches.size === 0 ? ['null', 'string'] : [...branches.values()];
  }

  #scalar(): Json {
    switch (this.#pick(5)) {
      case 0:
        return this.#pick(2) === 0 ? 'boolean' : 'null';
      case 1:
        return this.#number();
      case 2:
        return this.#bytes();
      default:
        return this.#text();
    }
  }

  #number(): Json {
    const base = (['int', 'long', 'float', 'double'] as const)[this.#pick(4)]!;
    // Not known, or of another base: read as the base type.
    return this.#pick(4) === 0 ? { type: base, logicalType: ['money', 'decimal', 'uuid'][this.#pick(3)]! } : base;
  }

  /** What is decoded to a text. */
  #text(): Json {
    const of = (type: string, logicalType: string): Json => ({ type, logicalType });
    const perSecond = ['millis', 'micros', 'nanos'][this.#pick(3)]!;
    switch (this.#pick(10)) {
      case 0:
        return of('string', 'uuid');
      case 1:
        return of('int', 'date');
      case 2:
        return this.#pick(2) === 0 ? of('int', 'time-millis') : of('long', 'time-micros');
      case 3:
        return of('long', `timestamp-${perSecond}`);
      case 4:
        return of('long', `local-timestamp-${perSecond}`);
      case 5: {
        const precision = 1 + this.#pick(60);
        return { type: 'bytes', logicalType: 'decimal', precision, scale: this.#pick(precision + 1) };
      }
      case 6: {
        const size = 1 + this.#pick(24);
        const precision = 1 + this.#pick(digits(size));
        return { type: 'fixed', name: `F${this.#names++}`, size, logicalType: 'decimal', precision, scale: this.#pick(precision + 1) };
      }
      case 7:
        return this.#pick(2) === 0
          ? { type: 'fixed', name: `F${this.#names++}`, size: 16, logicalType: 'uuid' }
          : { type: 'fixed', name: `F${this.#names++}`, size: 12, logicalType: 'duration' };
      case 8: {
        const symbols = Array.from({ length: 1 + this.#pick(4) }, (_, i) => `S${i}`);
        return {
          type: 'enum',
          name: `E${this.#names++}`,
          symbols,
          ...(this.#pick(2) === 0 ? { default: symbols[0] } : {}),
          ...this.#extras(),
        };
      }
      default:
        return 'string';
    }
  }

  /** What is decoded to bytes, decimals that are none among them. */
  #bytes(): Json {
    switch (this.#pick(4)) {
      case 0:
        return { type: 'fixed', name: `F${this.#names++}`, size: 1 + this.#pick(20), ...this.#extras() };
      case 1:
        return { type: 'bytes', logicalType: 'decimal', precision: 3, scale: 4 };
      case 2:
        return { type: 'fixed', name: `F${this.#names++}`, size: 2, logicalType: 'decimal', precision: 30, scale: 1 };
      default:
        return 'bytes';
    }
  }
}
