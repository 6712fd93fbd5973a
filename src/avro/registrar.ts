import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { ImportingRegistry, SubjectVersion, SubjectVersions } from './contracts.ts';
import { difference } from './same-version.ts';

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
  /** Versions that both sides have with the same id and schema: a version never changes. */
  readonly #same = new Set<string>();
  readonly #importing = new Set<string>();

  constructor(from: SubjectVersions, into: ImportingRegistry) {
    this.#from = from;
    this.#into = into;
  }

  /** Resolves once everything that the home's registry held when this was called is in the own one. */
  async carry(signal: AbortSignal): Promise<void> {
    await eachOf(await this.#from.list(signal), async ({ subject, version }) => await this.#copy(subject, version, new Set(), signal));
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
    const there = new Set((await this.#from.list(signal)).map(keyOf));
    await eachOf(
      own.filter((one) => there.has(keyOf(one))),
      async ({ subject, version }) => await this.#compare(subject, version, signal),
    );
    return { role: 'write', carried: this.#done.size, notThere: own.map(keyOf).filter((one) => !there.has(one)), problems: [] };
  }

  /** A version that the other side has under the same name may still be another one. */
  async #compare(subject: string, version: number, signal: AbortSignal): Promise<void> {
    const key = keyOf({ subject, version });
    if (this.#same.has(key)) return;
    const [own, theirs] = [await this.#into.read(subject, version, signal), await this.#from.read(subject, version, signal)];
    if (own !== 'missing' && theirs !== 'missing') this.#mustAgree(own, theirs);
  }

  #mustAgree(own: SubjectVersion, theirs: SubjectVersion): void {
    const key = keyOf(own);
    const what = difference(own, theirs);
    if (what === undefined) {
      this.#same.add(key);
      return;
    }
    const [here, there] = [this.#into.name, this.#from.name];
    const differs =
      what === 'id' ? `the id ${own.id} in ${here}, and ${theirs.id} in ${there}` : `another ${NOUNS[what]} in ${here} than in ${there}`;
    throw new FarshoreError('schema_conflict', `${key} has ${differs}`, {
      place: `schema ${theirs.id}`,
      hint: 'Records that name the id mean one of the two: delete the version that is wrong for good, and it is carried.',
    });
  }

  /** Depth first: a registry takes a schema only when it has all that it refers to. */
  async #copy(subject: string, version: number, above: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const key = keyOf({ subject, version });
    if (this.#done.has(key)) return;
    if (above.has(key)) throw new FarshoreError('schema_unusable', `${key} refers to itself`, { place: key });
    const wanted = await this.#from.read(subject, version, signal);
    // A version can go between the two questions.
    if (wanted === 'missing') return;
    for (const reference of wanted.references) await this.#copy(reference.subject, reference.version, new Set([...above, key]), signal);
    const found = await this.#into.read(subject, version, signal);
    if (found !== 'missing') this.#mustAgree(found, wanted);
    await this.#bring(wanted, found === 'missing' ? 'absent' : found.deleted ? 'deleted' : 'live', signal);
    this.#done.add(key);
  }

  /**
   * A version that is softly deleted at home is carried as well: its id is given, and records name it. It is deleted here too, so that a region
   * that becomes home checks new schemas against those that count at home. One that is deleted only after it was carried stays live until a
   * daemon starts anew: no id and no record depends on it.
   */
  async #bring(wanted: SubjectVersion, state: 'absent' | 'deleted' | 'live', signal: AbortSignal): Promise<void> {
    const { subject, version, deleted } = wanted;
    if (state === 'absent' || (state === 'deleted' && !deleted)) {
      await this.#ensureImport(subject, signal);
      await this.#into.register(wanted, signal);
    }
    if (!deleted || state === 'deleted') return;
    await this.#into.remove(subject, version, signal);
    // A subject without a live version loses its mode.
    this.#importing.delete(subject);
    await this.#ensureImport(subject, signal);
  }

  async #ensureImport(subject: string, signal: AbortSignal): Promise<void> {
    if (this.#importing.has(subject)) return;
    if ((await this.#into.mode(subject, signal)) !== 'IMPORT') await this.#into.setMode(subject, 'IMPORT', signal);
    this.#importing.add(subject);
  }
}

const NOUNS = { type: 'type of schema', schema: 'schema', references: 'list of references' } as const;

const keyOf = ({ subject, version }: { readonly subject: string; readonly version: number }): string => `${subject}/${version}`;

/** One that cannot be had twice does not hold up the others: the first such problem is thrown in the end. */
async function eachOf<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  let problem: FarshoreError | undefined;
  for (const one of all) {
    try {
      await work(one);
    } catch (error) {
      const known = findFarshoreError(error);
      if (known?.code !== 'schema_conflict' && known?.code !== 'schema_unusable') throw error;
      problem ??= known;
    }
  }
  if (problem !== undefined) throw problem;
}
