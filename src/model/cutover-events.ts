import type { CutoverState, CutoverStep, GateName } from './cutover.ts';
import type { ErrorCode } from './errors.ts';

/** What moving the traffic to the region, and back, reports. */
export type CutoverEvent =
  | {
      readonly type: 'cutover_moved';
      readonly from: CutoverState;
      readonly to: CutoverState;
      readonly epoch: bigint;
      readonly by: string;
      readonly reason: string;
    }
  | { readonly type: 'cutover_held' | 'cutover_released'; readonly by: string; readonly reason: string }
  | { readonly type: 'gate_changed'; readonly gate: GateName; readonly open: boolean; readonly reason: string | undefined }
  | {
      readonly type: 'cutover_step_ended';
      readonly step: CutoverStep;
      readonly result: 'done' | 'failed';
      readonly reason: string | undefined;
      readonly seconds: number;
    }
  | {
      readonly type: 'unmirrored_tail_found';
      readonly topic: string;
      readonly partition: number;
      readonly from: bigint;
      readonly to: bigint;
    }
  /** What the steps, or the hooks, go by cannot be read or stored: they stand until it can. Told once for each reason. */
  | {
      readonly type: 'cutover_stands';
      readonly what: 'steps' | 'hooks';
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
    }
  | {
      readonly type: 'cutover_hook_ran';
      readonly on: CutoverState;
      readonly hook: string;
      readonly result: 'done' | 'failed';
      readonly detail: string;
      readonly seconds: number;
    };
