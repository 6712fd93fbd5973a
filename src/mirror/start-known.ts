import { askByTopic } from '../model/by-topic.ts';
import { findFarshoreError } from '../model/errors.ts';
import { type MirrorPosition, NOT_SETTLED } from '../model/position.ts';
import type { MirrorDependencies, MirrorSettings } from './dependencies.ts';
import type { MirrorPartition } from './partition.ts';
import { readResting, type Starts, startPartitions } from './partition-start.ts';

/** Starts those of `known` that are held; positions are read first, under require_stable. Answers whether some stay held that could not be asked. */
export async function startKnown(
  known: readonly MirrorPartition[],
  starts: Starts,
  deps: MirrorDependencies,
  settings: MirrorSettings,
  signal: AbortSignal,
): Promise<boolean> {
  const held = known.filter((p) => p.mode.mode === 'held');
  // Not started, but where it stands is told.
  const isResting = ({ mode }: MirrorPartition) => mode.mode === 'paused' || mode.mode === 'stopped';
  const resting = known.filter((p) => isResting(p) && (p.committed === undefined || p.inDoubt !== undefined));
  if (held.length + resting.length === 0) return false;
  const topicsOf = (some: readonly MirrorPartition[]) => [...new Set(some.map((p) => p.route.regional))];
  const read = async (topics: readonly string[]) => await settledOrNone(deps.regional.positions(topics, signal));
  const positions = held.length === 0 ? new Map() : await read(topicsOf(held));
  // What stops one may keep its position from being read too, and that of no other.
  const { answers } = resting.length === 0 ? { answers: [] } : await askByTopic(read, topicsOf(resting));
  const unread = await readResting(resting, new Map(answers.flatMap((one) => [...one])), deps, signal);
  return (await startPartitions(held, positions, starts, deps, settings, signal)) || unread;
}

type Positions = ReadonlyMap<string, readonly MirrorPosition[]>;

/** Without an entry of its topic nothing was answered of a partition: what this process and the log know decides, and nothing begins. */
async function settledOrNone(read: Promise<Positions>): Promise<Positions> {
  try {
    return await read;
  } catch (error) {
    if (findFarshoreError(error)?.facts[NOT_SETTLED] === true) return new Map();
    throw error;
  }
}
