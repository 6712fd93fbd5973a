import type { ApplyStep } from '../apply/dependencies.ts';
import type { TransactionStep } from '../kafka/transactions.ts';
import { type CutoverStep, cutoverSteps } from '../model/cutover.ts';
import { FarshoreError } from '../model/errors.ts';

/** Where a trial may break the daemon: the steps of a mirror transaction, and those of apply. */
const steps = {
  mirror: ['begin', 'produce_sent', 'produced', 'positions_sent', 'positions_committed', 'end_sent', 'ended'],
  apply: ['before_begin', 'committed'],
  outbox: ['begin', 'produce_sent', 'produced', 'positions_sent', 'positions_committed', 'end_sent', 'ended'],
  cutover: cutoverSteps.flatMap((step) => [`${step}_started`, `${step}_acted`] as const),
} as const satisfies {
  readonly mirror: readonly TransactionStep[];
  readonly outbox: readonly TransactionStep[];
  readonly apply: readonly ApplyStep[];
  readonly cutover: readonly string[];
};

const signals = { kill: 'SIGKILL', stop: 'SIGSTOP' } as const;

export const FAILPOINT_VARIABLE = 'FARSHORE_FAILPOINT';

interface Failpoint {
  readonly signal: (typeof signals)[keyof typeof signals];
  /** Passings left until it strikes. */
  left: number;
}

const pattern = /^(?<stage>mirror|outbox|apply|cutover):(?<step>[a-z_]+)=(?<action>kill|stop)@(?<nth>[1-9]\d{0,8})$/;

/**
 * Ends or stops this very process when it passes a named step for the nth time, for trials of what is lost then:
 * `FARSHORE_FAILPOINT=mirror:end_sent=kill@5,apply:committed=stop@2`. Nothing is wired where the variable is not set.
 */
export class Failpoints {
  readonly #points: ReadonlyMap<string, Failpoint>;
  readonly #strike: (signal: NodeJS.Signals) => void;

  private constructor(points: ReadonlyMap<string, Failpoint>, strike: (signal: NodeJS.Signals) => void) {
    this.#points = points;
    this.#strike = strike;
  }

  /** Throws `config_invalid` for what is no failpoint: a trial that breaks nothing would prove nothing. */
  static parse(
    text: string | undefined,
    strike: (signal: NodeJS.Signals) => void = (signal) => process.kill(process.pid, signal),
  ): Failpoints | undefined {
    if (text === undefined || text === '') return undefined;
    const points = new Map<string, Failpoint>();
    for (const part of text.split(',')) {
      const { stage, step, action, nth } = pattern.exec(part.trim())?.groups ?? {};
      const known: readonly string[] =
        stage === 'mirror' || stage === 'outbox' || stage === 'apply' || stage === 'cutover' ? steps[stage] : [];
      if (step === undefined || !known.includes(step)) {
        throw new FarshoreError('config_invalid', `${part} is no failpoint`, {
          place: FAILPOINT_VARIABLE,
          hint: `Write STAGE:STEP=kill|stop@N with mirror:${steps.mirror.join('|')}, the same of outbox, apply:${steps.apply.join('|')}, or cutover:STEP_started|STEP_acted with a step of a cutover, or unset the variable.`,
        });
      }
      points.set(`${stage}:${step}`, { signal: signals[action as keyof typeof signals], left: Number(nth) });
    }
    return new Failpoints(points, strike);
  }

  readonly mirror = (step: TransactionStep): void => this.#pass(`mirror:${step}`);
  readonly outbox = (step: TransactionStep): void => this.#pass(`outbox:${step}`);
  readonly apply = (step: ApplyStep): void => this.#pass(`apply:${step}`);

  readonly cutover = (step: CutoverStep, place: 'started' | 'acted'): void => this.#pass(`cutover:${step}_${place}`);

  #pass(place: string): void {
    const point = this.#points.get(place);
    if (point === undefined || --point.left !== 0) return;
    this.#strike(point.signal);
  }
}
