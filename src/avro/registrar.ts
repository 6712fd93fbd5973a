import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { ImportingRegistry, SubjectVersions } from './contracts.ts';

/**
 * What the own registry is to the subjects that travel (C22):
 *
 *     import  the other side is home: subjects are in IMPORT mode, so that nobody here draws an id that the home may give too
 *     write   this side is home: subjects take new schemas again, with ids above all that came
 *     rest    nothing says where the home is, or nothing has moved yet: not touched
 */
export type RegistryRole = 'import' | 'write' | 'rest';

/** How both registries stand to each other. */
export interface RegistriesView {
  readonly role: RegistryRole;
  /** Versions of the home's registry that were carried. */
  readonly carried: number;
  /** Versions that the own registry has and the other one lacks, by `subject/version`; while this side is home. */
  readonly notThere: readonly string[];
  /** What a cutover must not begin with. */
  readonly problems: readonly string[];
}

/** Carries the subjects of the home's registry into the own one, with the same ids and versions, ahead of the records that name them. */
export class SchemaRegistrar {
  readonly #from: SubjectVersions;
  readonly #into: ImportingRegistry;
  readonly #done = new Set<string>();
  readonly #importing = new Set<string>();

  constructor(from: SubjectVersions, into: ImportingRegistry) {
    this.#from = from;
    this.#into = into;
  }

  /** Resolves once everything that the home's registry held when this was called is in the own one. */
  async carry(signal: AbortSignal): Promise<void> {
    let problem: FarshoreError | undefined;
    for (const { subject, version } of await this.#from.list(signal)) {
      try {
        await this.#copy(subject, version, new Set(), signal);
      } catch (error) {
        const known = findFarshoreError(error);
        // One that cannot be had twice does not hold up the others.
        if (known?.code !== 'schema_conflict' && known?.code !== 'schema_unusable') throw error;
        problem ??= known;
      }
    }
    if (problem !== undefined) throw problem;
  }

  /** Makes the own registry what its role asks for, and looks at both. */
  async look(role: RegistryRole, signal: AbortSignal): Promise<RegistriesView> {
    switch (role) {
      case 'rest':
        return { role, carried: 0, notThere: [], problems: [] };
      case 'import':
        return await this.#import(signal);
      case 'write':
        return await this.#open(signal);
    }
  }

  async #import(signal: AbortSignal): Promise<RegistriesView> {
    // Asked anew: somebody may have changed a mode by hand.
    this.#importing.clear();
    for (const subject of new Set((await this.#from.list(signal)).map((one) => one.subject))) await this.#ensureImport(subject, signal);
    await this.carry(signal);
    const [there, here] = [await this.#from.highestId(signal), await this.#into.highestId(signal)];
    // A registry counts on from its highest id: below that of the home it would give ids that the home has given.
    const problems =
      here < there
        ? [`ids that ${this.#into.name} would give begin at ${here + 1}, and ${this.#from.name} has given them up to ${there}`]
        : [];
    return { role: 'import', carried: this.#done.size, notThere: [], problems };
  }

  async #open(signal: AbortSignal): Promise<RegistriesView> {
    this.#importing.clear();
    const own = await this.#into.list(signal);
    for (const subject of new Set(own.map((one) => one.subject))) {
      if ((await this.#into.mode(subject, signal)) === 'IMPORT') await this.#into.setMode(subject, 'READWRITE', signal);
    }
    const key = (one: { readonly subject: string; readonly version: number }): string => `${one.subject}/${one.version}`;
    const there = new Set((await this.#from.list(signal)).map(key));
    return { role: 'write', carried: this.#done.size, notThere: own.map(key).filter((one) => !there.has(one)), problems: [] };
  }

  /** Depth first: a registry takes a schema only when it has all that it refers to. */
  async #copy(subject: string, version: number, above: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const key = `${subject}/${version}`;
    if (this.#done.has(key)) return;
    if (above.has(key)) throw new FarshoreError('schema_unusable', `${key} refers to itself`, { place: key });
    const wanted = await this.#from.read(subject, version, signal);
    // A version can go between the two questions.
    if (wanted === 'missing') return;
    for (const reference of wanted.references) await this.#copy(reference.subject, reference.version, new Set([...above, key]), signal);
    const found = await this.#into.read(subject, version, signal);
    if (found === 'missing') {
      await this.#ensureImport(subject, signal);
      await this.#into.register(wanted, signal);
    } else if (found.id !== wanted.id) {
      const message = `${key} has the id ${found.id} in ${this.#into.name}, and ${wanted.id} in ${this.#from.name}`;
      throw new FarshoreError('schema_conflict', message, {
        place: `schema ${wanted.id}`,
        hint: 'Records that name the id mean one of the two: delete the version that is wrong for good, and it is carried.',
      });
    }
    this.#done.add(key);
  }

  async #ensureImport(subject: string, signal: AbortSignal): Promise<void> {
    if (this.#importing.has(subject)) return;
    if ((await this.#into.mode(subject, signal)) !== 'IMPORT') await this.#into.setMode(subject, 'IMPORT', signal);
    this.#importing.add(subject);
  }
}
