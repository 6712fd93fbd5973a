import type { ShadowSource, ShedReason, SkipReason } from './contracts.ts';
import type { IntakeOutcome } from './intake.ts';
import type { RawRequest } from './request-rules.ts';

/** What a source needs of the intake. None of these throws or waits. */
export interface Door {
  offer(raw: RawRequest, source: ShadowSource): IntakeOutcome;
  skip(source: ShadowSource, reason: SkipReason): void;
  shed(source: ShadowSource, reason: ShedReason): void;
}
