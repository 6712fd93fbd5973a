import { TooMuchWork, Work } from './canonical.ts';
import type { Answer } from './contracts.ts';
import type { CompareLimits, Comparison, NotCompared } from './difference.ts';
import { JsonDiffer } from './json-differ.ts';
import { JsonNumber, type JsonOutcome, parseJson } from './json-value.ts';
import { replaced } from './replacement.ts';
import type { RuleTree } from './rules.ts';

export interface CompareSettings {
  readonly rules: RuleTree;
  /** Compared beside status and body; names in lower case. */
  readonly headers: readonly string[];
  readonly limits: CompareLimits;
  /** A monotonic clock. */
  readonly nowMs: () => number;
}

/** What differs between the primary's answer and the region's, by status, chosen headers and body; pure. */
export function compareAnswers(primary: Answer, region: Answer, { rules, headers, limits, nowMs }: CompareSettings): Comparison {
  const differ = new JsonDiffer(new Work(limits.steps, limits.ms, nowMs), limits.differences);
  if (primary.status !== region.status) {
    differ.add(rules.status, 'status', 'status', number(primary.status), number(region.status));
  }
  for (const name of headers) compareHeader(name, primary, region, rules, differ);
  const reason = compareBodies(primary, region, rules, differ, limits);
  const { differences, more } = differ;
  // A difference that was found is one, whatever the rest of the answers holds.
  if (reason !== undefined && differences.length === 0) return { kind: 'not_compared', reason };
  return { kind: 'compared', differences, more: more || reason !== undefined };
}

const number = (value: number): JsonNumber => new JsonNumber(String(value));

function compareHeader(name: string, primary: Answer, region: Answer, rules: RuleTree, differ: JsonDiffer): void {
  const [left, right] = [primary.headers.get(name), region.headers.get(name)];
  if (left === right) return;
  const node = rules.header.key(name);
  const { lowerCase, replace } = node.value;
  const same = (value: string | undefined): string | undefined => {
    if (value === undefined) return undefined;
    const text = replaced(name === 'content-type' ? mediaType(value) : value, replace);
    return lowerCase ? text.toLowerCase() : text;
  };
  if (same(left) !== same(right)) differ.add(node, node.text, 'header', left, right);
}

/** Blanks and capitals in it mean nothing. */
const mediaType = (value: string): string => value.toLowerCase().replaceAll(/\s*([;=])\s*/g, '$1');

/** Answers why they could not be compared to their end. */
function compareBodies(
  primary: Answer,
  region: Answer,
  rules: RuleTree,
  differ: JsonDiffer,
  limits: CompareLimits,
): NotCompared | undefined {
  if (primary.truncated !== region.truncated) {
    differ.add(rules.body, 'body', 'bytes', lengthText(primary), lengthText(region));
    return undefined;
  }
  if (primary.truncated) return 'truncated';
  if (primary.body.equals(region.body)) return undefined;
  if (Math.max(primary.body.length, region.body.length) > limits.bytes) return 'too_large';
  try {
    return compareContents(primary, region, rules, differ, limits);
  } catch (error) {
    if (error instanceof TooMuchWork) return error.bound;
    throw error;
  }
}

function compareContents(
  primary: Answer,
  region: Answer,
  rules: RuleTree,
  differ: JsonDiffer,
  limits: CompareLimits,
): NotCompared | undefined {
  const [left, right] = [utf8(primary.body), utf8(region.body)];
  if (left === undefined || right === undefined) {
    differ.add(rules.body, 'body', 'bytes', bytesText(primary.body, region.body), bytesText(region.body, primary.body));
    return undefined;
  }
  if (isJson(primary) || isJson(region)) {
    const [parsed, other] = [parseJson(left, limits), parseJson(right, limits)];
    if (parsed.kind === 'json' && other.kind === 'json') {
      differ.compare(parsed.value, other.value, rules.json, '$');
      return undefined;
    }
    if (isPastLimits(parsed) || isPastLimits(other)) return 'too_deep';
    if (parsed.kind !== other.kind) {
      differ.add(rules.json, '$', 'type', left, right);
      return undefined;
    }
  }
  const { lowerCase, replace } = rules.body.value;
  const same = (text: string): string => {
    const known = replaced(text, replace);
    return lowerCase ? known.toLowerCase() : known;
  };
  if (same(left) !== same(right)) differ.add(rules.body, textPlace(left, right), 'text', left, right);
  return undefined;
}

const isPastLimits = ({ kind }: JsonOutcome): boolean => kind === 'too_deep' || kind === 'too_many_values';

const isJson = ({ headers }: Answer): boolean => /^[^;]*[/+]json\s*(?:;|$)/i.test(headers.get('content-type') ?? '');

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function utf8(body: Buffer): string | undefined {
  try {
    return decoder.decode(body);
  } catch {
    return undefined;
  }
}

function textPlace(left: string, right: string): string {
  const at = firstDifference(left.length, right.length, (index) => left.charCodeAt(index) === right.charCodeAt(index));
  const lines = left.slice(0, at).split('\n');
  return `body line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
}

const lengthText = ({ body, truncated }: Answer): string => `${truncated ? 'more than ' : ''}${body.length} bytes`;

function bytesText(body: Buffer, other: Buffer): string {
  const at = firstDifference(body.length, other.length, (index) => body[index] === other[index]);
  return `${body.length} bytes, from byte ${at}: ${body.subarray(at, at + 16).toString('hex')}`;
}

function firstDifference(left: number, right: number, same: (index: number) => boolean): number {
  const shared = Math.min(left, right);
  let at = 0;
  while (at < shared && same(at)) at += 1;
  return at;
}
