import { FarshoreError } from '../model/errors.ts';
import type { PublishedHome, TopicDescription, TopicRecord } from './contracts.ts';
import type { Route } from './routes.ts';

/**
 * The next step towards a topic that may be mirrored. The loop carries a step out, looks again and asks
 * again: each step is found from what both clusters and the ledger say, so a crash between two steps
 * repeats one and skips none.
 */
export type TopicStep =
  | { readonly kind: 'create'; readonly partitions: number }
  | { readonly kind: 'claim' }
  /** The home moved by a cutover since it was recorded. */
  | { readonly kind: 'adopt' }
  | { readonly kind: 'grow'; readonly partitions: number }
  | { readonly kind: 'raise'; readonly reason: 'home_recreated' | 'region_recreated' | 'partitions_grown' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'stop'; readonly error: FarshoreError };

export interface TopicView {
  readonly route: Route;
  readonly primary: string;
  readonly home: TopicDescription;
  readonly regional: TopicDescription | undefined;
  readonly record: TopicRecord | undefined;
  /** What the home cluster itself publishes about the topic (C24); undefined when it says nothing. */
  readonly publishedHome: Pick<PublishedHome, 'home' | 'epoch'> | undefined;
  /** What the regional cluster publishes about it. */
  readonly publishedInRegion?: Pick<PublishedHome, 'home' | 'epoch'> | undefined;
  /** An operator accepted that the topic was created again, on either side. */
  readonly acceptRecreated: boolean;
  /** `mirror.onRecreated: restart` accepts it for every topic, at home. */
  readonly restartRecreated: boolean;
}

/**
 * A cutover between these very two clusters, told in both, made the primary of this mirror the home, later than what is recorded: the way back
 * begins (C24). A third region, whose cluster tells nothing of it, goes on where it was: what came since is in the log it mirrors.
 */
export const movedHere = ({
  primary,
  publishedHome,
  publishedInRegion,
  record,
}: Pick<TopicView, 'primary' | 'publishedHome' | 'publishedInRegion' | 'record'>): boolean =>
  publishedHome?.home === primary &&
  publishedInRegion?.home === primary &&
  publishedInRegion.epoch === publishedHome.epoch &&
  publishedHome.epoch > (record?.homeEpoch ?? 1);

/**
 * The way back is over: both clusters tell that the home is this region again, later than what is recorded. One alone may be about to fall back, and
 * tells another epoch then.
 */
export const returnedHere = ({
  region,
  publishedHome,
  publishedInRegion,
  record,
}: Pick<TopicView, 'publishedHome' | 'publishedInRegion'> & { readonly region: string; readonly record: TopicRecord }): boolean =>
  publishedHome?.home === region &&
  publishedInRegion?.home === region &&
  publishedInRegion.epoch === publishedHome.epoch &&
  publishedHome.epoch > record.homeEpoch;

/** Beside the primary: the home is recorded to be here, and its own cluster does not tell that it has moved again. */
export const homeIsHere = (view: Parameters<typeof movedHere>[0] & { readonly region: string }): boolean =>
  view.record?.home === view.region && !movedHere(view);

const resume = (topic: string, flags: string): string => `farshore partition resume ${topic} --stage mirror ${flags}`;

export function nextTopicStep(view: TopicView): TopicStep {
  const { route, primary, home, regional, record, acceptRecreated, restartRecreated } = view;
  const stop = (error: FarshoreError): TopicStep => ({ kind: 'stop', error });

  const otherHome = view.publishedHome !== undefined && view.publishedHome.home !== primary ? view.publishedHome.home : undefined;
  const moved = movedHere(view);
  const recordedHome = record !== undefined && record.home !== primary && !moved ? record.home : undefined;
  const elsewhere = otherHome ?? recordedHome;
  if (elsewhere !== undefined) {
    return stop(
      new FarshoreError('home_elsewhere', `${route.home} has its home in ${elsewhere}, not in ${primary}: mirroring it would make a loop`, {
        place: route.regional,
        hint: `Exclude ${route.home} under mirror.exclude; a home moves by a cutover only.`,
        facts: { home: elsewhere },
      }),
    );
  }

  if (regional === undefined) {
    if (record !== undefined && !acceptRecreated) return stop(regionRecreated(route));
    return { kind: 'create', partitions: home.partitions.length };
  }
  if (home.partitions.length < Math.max(regional.partitions.length, record?.partitions ?? 0)) {
    return stop(
      new FarshoreError(
        'partitions_shrunk',
        `${route.home} has ${home.partitions.length} partitions at home, its mirror ${regional.partitions.length}: keys would change their partition`,
        {
          place: route.regional,
          hint: `Give ${route.home} its partitions back, or delete the regional topic and run: ${resume(route.regional, '--accept-recreated')}`,
          facts: { homePartitions: home.partitions.length, regionalPartitions: regional.partitions.length },
        },
      ),
    );
  }
  if (regional.partitions.length < home.partitions.length) return { kind: 'grow', partitions: home.partitions.length };
  if (record === undefined) return { kind: 'claim' };
  if (record.regionalTopicId !== regional.topicId) {
    return acceptRecreated ? { kind: 'raise', reason: 'region_recreated' } : stop(regionRecreated(route));
  }
  if (record.homeTopicId !== home.topicId) {
    if (acceptRecreated || restartRecreated) return { kind: 'raise', reason: 'home_recreated' };
    return stop(
      new FarshoreError('source_recreated', `${route.home} was deleted and created again at home: its offsets start over`, {
        place: route.regional,
        hint: `What was not mirrored before is lost. To mirror the new topic from its start: ${resume(route.regional, '--accept-recreated')}`,
        facts: { recordedTopicId: record.homeTopicId, topicId: home.topicId },
      }),
    );
  }
  if (moved) return { kind: 'adopt' };
  if (record.partitions < home.partitions.length) return { kind: 'raise', reason: 'partitions_grown' };
  return { kind: 'ready' };
}

const regionRecreated = (route: Route): FarshoreError =>
  new FarshoreError('region_recreated', `The regional topic ${route.regional} was deleted or created again by somebody else`, {
    place: route.regional,
    hint: `To mirror ${route.home} into it again from its start: ${resume(route.regional, '--accept-recreated')}`,
  });

/** C24: nothing says where the home is, and the regional topic already holds records of somebody. */
export const homeUnknown = (route: Route, primary: string): FarshoreError =>
  new FarshoreError('home_unknown', `The regional topic ${route.regional} holds records and nothing says where its home is`, {
    place: route.regional,
    hint: `If ${primary} is its home and what it holds may stay below what is mirrored now: ${resume(route.regional, '--accept-recreated')}`,
  });

/**
 * Growth is held back until every partition that was there before has passed `ends`, read after the
 * growth was seen (C1). Sequence that this prevents: key K is written to p1, the topic grows, K is
 * written to p9; p9 is mirrored and applied first; then K's older record in p1 would be of the same
 * generation with a higher offset, and win.
 */
export function growthMayBeRecorded(
  ends: ReadonlyMap<number, bigint>,
  committed: ReadonlyMap<number, bigint>,
): { readonly ready: boolean; readonly waitsFor: readonly number[] } {
  const waitsFor = [...ends].filter(([partition, end]) => (committed.get(partition) ?? -1n) < end).map(([partition]) => partition);
  return { ready: waitsFor.length === 0, waitsFor };
}
