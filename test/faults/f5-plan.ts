import type { Direction, Toxic } from '../rig/toxiproxy.ts';

export const links = ['primary', 'regional', 'database'] as const;
export type Link = (typeof links)[number];

/** What passes on, only slower: records must flow meanwhile. */
export type SlowFault = 'latency' | 'bandwidth' | 'slicer';
/** What passes nothing: records must flow again after it. */
export type CutFault = 'hole upstream' | 'hole downstream' | 'hole both' | 'reset' | 'down';

export interface LinkFault {
  readonly link: Link;
  readonly fault: SlowFault | CutFault;
  /** The fault stands until the status tells of it. */
  readonly untilTold?: true;
}

const bothWays: readonly Direction[] = ['upstream', 'downstream'];
const hole: Toxic = { type: 'timeout', attributes: { timeout: 0 } };

/** What is added to a link for a fault; none: the proxy is disabled. Each holds in both directions: 300 ± 100 ms there and back. */
export const toxicsOf: Readonly<Record<LinkFault['fault'], readonly (readonly [Toxic, Direction])[]>> = {
  latency: bothWays.map((direction) => [{ type: 'latency', attributes: { latency: 150, jitter: 50 } }, direction]),
  bandwidth: bothWays.map((direction) => [{ type: 'bandwidth', attributes: { rate: 125 } }, direction]),
  slicer: bothWays.map((direction) => [{ type: 'slicer', attributes: { average_size: 96, size_variation: 64, delay: 20 } }, direction]),
  'hole upstream': [[hole, 'upstream']],
  'hole downstream': [[hole, 'downstream']],
  'hole both': bothWays.map((direction) => [hole, direction]),
  reset: [[{ type: 'reset_peer', attributes: { timeout: 0 } }, 'downstream']],
  down: [],
};

export const isSlow = (fault: LinkFault['fault']): fault is SlowFault => fault === 'latency' || fault === 'bandwidth' || fault === 'slicer';

/** Each fault once, spread over the links. */
const short: readonly LinkFault[] = [
  { link: 'primary', fault: 'latency' },
  { link: 'regional', fault: 'bandwidth' },
  { link: 'database', fault: 'slicer' },
  { link: 'primary', fault: 'hole upstream', untilTold: true },
  { link: 'regional', fault: 'hole downstream', untilTold: true },
  // Told only when the lease has run out, what is in hand was given up and a new connection was waited for: 20 s.
  { link: 'database', fault: 'hole both' },
  { link: 'regional', fault: 'reset' },
  { link: 'database', fault: 'down' },
];

const every = (link: Link): readonly LinkFault[] =>
  (Object.keys(toxicsOf) as LinkFault['fault'][]).map((fault) => ({
    link,
    fault,
    ...(fault.startsWith('hole') ? { untilTold: true } : {}),
  }));

export const linkFaults = (full: boolean): readonly LinkFault[] => (full ? links.flatMap(every) : short);

/** The daemon stops itself at `step`, the link is cut in one direction, and it goes on: the request or its answer is lost for certain. */
export interface AnswerFault {
  readonly link: Link;
  readonly failpoint: string;
  readonly lost: 'request' | 'answer' | 'both';
  /** Where the server shows whether the request arrived; left out where nothing outside the transaction does. */
  readonly seenIn?: 'positions' | 'rows';
}

const EndTxn = { link: 'regional', failpoint: 'mirror:positions_committed', seenIn: 'positions' } as const;
const COMMIT = { link: 'database', failpoint: 'apply:before_begin', seenIn: 'rows' } as const;
const PRODUCE = { link: 'regional', failpoint: 'mirror:begin' } as const;
/** The answer may have come before the link is cut, and is read after it. */
const EndTxnSent = { link: 'regional', failpoint: 'mirror:end_sent' } as const;

export const answerFaults = (full: boolean): readonly AnswerFault[] => [
  { ...EndTxn, lost: 'answer' },
  { ...COMMIT, lost: 'answer' },
  ...(full
    ? ([
        { ...EndTxn, lost: 'request' },
        { ...COMMIT, lost: 'request' },
        { ...EndTxn, lost: 'both' },
        { ...COMMIT, lost: 'both' },
        { ...PRODUCE, lost: 'answer' },
        { ...EndTxnSent, lost: 'both' },
      ] as const)
    : []),
];

export const cutOf: Readonly<Record<AnswerFault['lost'], CutFault>> = {
  request: 'hole upstream',
  answer: 'hole downstream',
  both: 'down',
};

/** Behind which links a backlog is left to catch up with: up to 23 s each, so all of them in the full form only. */
export const backlogLinks = (full: boolean): readonly Link[] => (full ? links : ['regional']);
