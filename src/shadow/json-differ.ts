import { canonical, isArray, scalarText, sort, timeOf, type Work } from './canonical.ts';
import type { Difference, DifferenceKind } from './difference.ts';
import { JsonNumber, type JsonObject, type JsonValue } from './json-value.ts';
import { type PathNode, placeOfKey } from './paths.ts';
import type { PathRules } from './rules.ts';

type Node = PathNode<PathRules>;
type Items = readonly JsonValue[];
interface Numbered {
  readonly value: JsonValue;
  readonly at: number;
}

/** Two documents side by side, from the root down. Each difference is found with its path; what comes past the limit is only told. */
export class JsonDiffer {
  readonly differences: Difference[] = [];
  more = false;
  readonly #work: Work;
  readonly #most: number;

  constructor(work: Work, most: number) {
    this.#work = work;
    this.#most = most;
  }

  add(node: Node, place: string, kind: DifferenceKind, primary: JsonValue | undefined, region: JsonValue | undefined): void {
    if (node.value.ignore) return;
    if (this.differences.length >= this.#most) this.more = true;
    else this.differences.push({ path: node.text, place, kind, primary, region });
  }

  compare(primary: JsonValue, region: JsonValue, node: Node, place: string): void {
    this.#work.spend(1);
    if (node.value.ignore) return;
    const kind = kindOf(primary);
    if (kind !== kindOf(region)) this.add(node, place, 'type', primary, region);
    else if (kind === 'object') this.#objects(primary as JsonObject, region as JsonObject, node, place);
    else if (kind === 'array') this.#arrays(primary as Items, region as Items, node, place);
    else if (!this.#sameScalar(primary as Scalar, region as Scalar, node.value)) this.add(node, place, 'value', primary, region);
  }

  #sameScalar(primary: Scalar, region: Scalar, rules: PathRules): boolean {
    if (primary === region) return true;
    if (typeof primary === 'string') this.#work.spend((primary.length + (region as string).length) >> 6);
    if (rules.withinMs !== undefined) {
      const [left, right] = [timeOf(primary), timeOf(region)];
      if (left !== undefined && right !== undefined) return Math.abs(left - right) <= rules.withinMs;
    }
    if (typeof primary === 'string' && rules.replace.length === 0 && !rules.lowerCase) return false;
    return scalarText(primary, rules, this.#work) === scalarText(region, rules, this.#work);
  }

  #objects(primary: JsonObject, region: JsonObject, node: Node, place: string): void {
    for (const [key, value] of primary) {
      const other = region.get(key);
      if (other === undefined) this.add(node.key(key), placeOfKey(place, key), 'missing', value, undefined);
      else this.compare(value, other, node.key(key), placeOfKey(place, key));
    }
    for (const [key, value] of region) if (!primary.has(key)) this.add(node.key(key), placeOfKey(place, key), 'extra', undefined, value);
  }

  #arrays(primary: Items, region: Items, node: Node, place: string): void {
    const { unordered } = node.value;
    if (unordered === undefined) this.#ordered(primary, region, node, place);
    else if (unordered.by === undefined) this.#byContent(numbered(primary), numbered(region), node, place);
    else this.#byField(primary, region, unordered.by, node, place);
  }

  #ordered(primary: Items, region: Items, node: Node, place: string): void {
    const items = node.items();
    const before = this.differences.length;
    const moreBefore = this.more;
    const shared = Math.min(primary.length, region.length);
    for (let at = 0; at < shared; at += 1) this.compare(primary[at]!, region[at]!, items, `${place}[${at}]`);
    // The same elements in another order are one difference, not one for each of them.
    const several = this.differences.length > before && primary.length === region.length && primary.length > 1;
    if (several && this.#sameContent(primary, region, items)) {
      this.differences.length = before;
      this.more = moreBefore;
      this.add(node, place, 'order', primary, region);
    }
    for (let at = shared; at < primary.length; at += 1) this.add(items, `${place}[${at}]`, 'missing', primary[at], undefined);
    for (let at = shared; at < region.length; at += 1) this.add(items, `${place}[${at}]`, 'extra', undefined, region[at]);
  }

  #sameContent(primary: Items, region: Items, items: Node): boolean {
    const texts = (values: Items): string[] => sort(this.#texts(values, items, true), this.#work);
    const [left, right] = [texts(primary), texts(region)];
    return left.every((text, at) => text === right[at]);
  }

  #texts(values: Items, items: Node, times: boolean): string[] {
    return values.map((value) => canonical(value, items, this.#work, times));
  }

  /** Equal elements are paired off by their text; what is left over is paired in the order of its text, and compared. */
  #byContent(primary: readonly Numbered[], region: readonly Numbered[], node: Node, place: string): void {
    const items = node.items();
    const waiting = this.#grouped(region, items);
    const left: Numbered[] = [];
    for (const [text, group] of this.#grouped(primary, items)) {
      const others = waiting.get(text) ?? [];
      const pairs = Math.min(group.length, others.length);
      // Equal texts are equal values, but for times within a tolerance, which are no part of the text.
      if (this.#work.leftOutTimes) {
        for (let at = 0; at < pairs; at += 1) this.compare(group[at]!.value, others[at]!.value, items, `${place}[${group[at]!.at}]`);
      }
      left.push(...group.slice(pairs));
      waiting.set(text, others.slice(pairs));
    }
    const right = [...waiting.values()].flat();
    const pairs = Math.min(left.length, right.length);
    for (let at = 0; at < pairs; at += 1) this.compare(left[at]!.value, right[at]!.value, items, `${place}[${left[at]!.at}]`);
    for (const { value, at } of left.slice(pairs)) this.add(items, `${place}[${at}]`, 'missing', value, undefined);
    for (const { value, at } of right.slice(pairs)) this.add(items, `${place}[${at}]`, 'extra', undefined, value);
  }

  /** By text, in the order of the texts, times and all: elements that only differ in a time within tolerance stand in the same order on both sides. */
  #grouped(values: readonly Numbered[], items: Node): Map<string, Numbered[]> {
    const texts = values.map((entry) => ({ entry, text: canonical(entry.value, items, this.#work, false) }));
    const ordered = this.#work.leftOutTimes
      ? texts.map(({ entry, text }) => ({ entry, text, whole: canonical(entry.value, items, this.#work, true) }))
      : texts.map(({ entry, text }) => ({ entry, text, whole: text }));
    this.#work.spend(values.length * Math.ceil(Math.log2(values.length + 1)));
    ordered.sort((a, b) => (a.whole < b.whole ? -1 : a.whole > b.whole ? 1 : 0));
    const groups = new Map<string, Numbered[]>();
    for (const { entry, text } of ordered) {
      const group = groups.get(text);
      if (group === undefined) groups.set(text, [entry]);
      else group.push(entry);
    }
    return groups;
  }

  /** Elements whose field cannot be told, or comes twice, are matched by content. */
  #byField(primary: Items, region: Items, field: string, node: Node, place: string): void {
    const items = node.items();
    const [left, right] = [this.#keyed(primary, field, items), this.#keyed(region, field, items)];
    const restOfPrimary = [...left.rest];
    const restOfRegion = [...right.rest];
    for (const [text, { value, at }] of left.keyed) {
      const other = right.keyed.get(text);
      if (other === undefined) restOfPrimary.push({ value, at });
      else this.compare(value, other.value, items, `${place}[${at}]`);
    }
    for (const [text, entry] of right.keyed) if (!left.keyed.has(text)) restOfRegion.push(entry);
    if (left.rest.length > 0 || right.rest.length > 0) {
      this.#byContent(restOfPrimary, restOfRegion, node, place);
      return;
    }
    for (const { value, at } of restOfPrimary) this.add(items, `${place}[${at}]`, 'missing', value, undefined);
    for (const { value, at } of restOfRegion) this.add(items, `${place}[${at}]`, 'extra', undefined, value);
  }

  #keyed(values: Items, field: string, items: Node): { readonly keyed: Map<string, Numbered>; readonly rest: readonly Numbered[] } {
    const groups = new Map<string, Numbered[]>();
    const rest: Numbered[] = [];
    for (const entry of numbered(values)) {
      const key = entry.value instanceof Map ? (entry.value as JsonObject).get(field) : undefined;
      if (key === undefined) rest.push(entry);
      else {
        const text = canonical(key, items.key(field), this.#work, true);
        const group = groups.get(text);
        if (group === undefined) groups.set(text, [entry]);
        else group.push(entry);
      }
    }
    const keyed = new Map<string, Numbered>();
    for (const [text, group] of groups) {
      if (group.length === 1) keyed.set(text, group[0]!);
      else rest.push(...group);
    }
    return { keyed, rest };
  }
}

type Scalar = null | boolean | string | JsonNumber;

const numbered = (values: Items): readonly Numbered[] => values.map((value, at) => ({ value, at }));

function kindOf(value: JsonValue): string {
  if (value === null) return 'null';
  if (value instanceof JsonNumber) return 'number';
  if (typeof value !== 'object') return typeof value;
  return isArray(value) ? 'array' : 'object';
}
