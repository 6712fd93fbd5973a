import type { OffsetPair, OffsetsView, OffsetTranslation } from '../model/status.ts';
import { textTable } from './output.ts';

/** The mapping as a person reads it; with a translation, that alone. */
export function offsetsText({ partitions, translation }: OffsetsView): string {
  if (translation !== null) return translationText(translation);
  return textTable([
    ['PARTITION', 'POINTS', 'HOME', 'REGIONAL'],
    ...partitions.map(({ topic, partition, points, first, last }) => [
      `${topic}:${partition}`,
      String(points),
      rangeText(first?.home, last?.home),
      rangeText(first?.regional, last?.regional),
    ]),
  ]);
}

const rangeText = (first: string | undefined, last: string | undefined): string =>
  first === undefined || last === undefined ? 'none' : `${first} to ${last}`;

function translationText({ from, asked, at, next }: OffsetTranslation): string {
  const to = from === 'home' ? 'regional' : 'home';
  if (at === null) return `${from} ${asked} is older than everything kept: start ${to} from the earliest offset\n`;
  return `${from} ${asked}: go on at ${to} ${at[to]}; nothing is skipped, ${againText(at, next, from, to, asked)}\n`;
}

function againText(at: OffsetPair, next: OffsetPair | null, from: keyof OffsetPair, to: keyof OffsetPair, asked: string): string {
  if (at[from] === asked) return 'nothing is read again';
  if (next === null) return 'and nothing newer was mirrored';
  return `at most ${BigInt(next[to]) - BigInt(at[to])} offsets are read again`;
}
