import { Argument, Command, InvalidArgumentError } from 'commander';
import { type Clock, systemClock } from '../model/clock.ts';
import type { RecordedRequest } from '../shadow/recorded-request.ts';
import { readReplayFile } from '../shadow/replay-file.ts';
import { type DaemonOptions, daemonClient, withDaemon } from './daemon-client.ts';
import { CliError, type CliIo, UsageError } from './io.ts';
import { type OutputOptions, withOutput, writeValue } from './output.ts';

interface ReplayOptions extends OutputOptions, DaemonOptions {
  readonly rate?: number;
  readonly loop: number;
}

export interface ReplayResult {
  readonly sent: number;
  readonly taken: number;
  /** Never asked, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
}

export const replayVerb = (io: CliIo): Command =>
  withOutput(
    withDaemon(
      new Command('replay')
        .description('ask the requests of a file of both sides and compare the answers')
        .addArgument(new Argument('<FILE>', 'a HAR (.har), or NDJSON with one request a line')),
    ),
  )
    .option('--rate <number>', 'requests a second; left out: as fast as the daemon takes them', parseRate)
    .option('--loop <number>', 'how often to go through the file', parseLoop, 1)
    .action(async (file: string, options: ReplayOptions) => {
      const client = daemonClient(io, options);
      const requests = readReplayFile(fileText(io, file), file);
      const post = async (batch: readonly RecordedRequest[]): Promise<readonly string[]> => {
        const { outcomes } = (await client.post('/api/shadow/requests', { requests: batch })) as { readonly outcomes: readonly string[] };
        return outcomes;
      };
      const bar = progressBar(io, requests.length * options.loop);
      const result = await replay(requests, options, { post, clock: systemClock, signal: io.signal, onProgress: bar });
      writeValue(io, options, result, resultText);
    });

export interface ReplayTools {
  /** Answers what became of each: `taken`, `shed:REASON` or `skipped:REASON`. */
  readonly post: (batch: readonly RecordedRequest[]) => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (sent: number) => void;
}

const BATCH = 100;
/** Bodies of one batch together, in base64; the daemon takes some more. */
const BATCH_BYTES = 8 * 1024 * 1024;
const STEPS_A_SECOND = 5;
const AGAIN_MS = 100;

/** Sends each request until the daemon took it or said why it never will: what is shed for now is sent again. */
export async function replay(
  requests: readonly RecordedRequest[],
  { rate, loop }: { readonly rate?: number; readonly loop: number },
  { post, clock, signal, onProgress }: ReplayTools,
): Promise<ReplayResult> {
  const most = rate === undefined ? BATCH : Math.max(1, Math.min(BATCH, Math.floor(rate / STEPS_A_SECOND)));
  const total = requests.length * loop;
  const skipped: Record<string, number> = {};
  const startMs = clock.monotonicMs();
  let [next, taken, settled] = [0, 0, 0];
  let waiting: RecordedRequest[] = [];
  while (settled < total) {
    signal.throwIfAborted();
    let bytes = waiting.reduce((sum, { body }) => sum + (body?.length ?? 0), 0);
    while (waiting.length < most && next < total && (waiting.length === 0 || bytes < BATCH_BYTES)) {
      const request = requests[next++ % requests.length]!;
      bytes += request.body?.length ?? 0;
      waiting.push(request);
    }
    const outcomes = await post(waiting);
    const again: RecordedRequest[] = [];
    for (const [index, request] of waiting.entries()) {
      const [kind, reason = ''] = (outcomes[index] ?? '').split(':');
      if (kind === 'taken') taken += 1;
      else if (kind === 'skipped') skipped[reason] = (skipped[reason] ?? 0) + 1;
      else if (reason === 'rate' || reason === 'queue_full' || reason === 'busy') again.push(request);
      else
        throw new CliError('request_invalid', 'the daemon compares nothing now', { hint: 'Ask the active daemon, with shadow.enabled.' });
    }
    settled += waiting.length - again.length;
    waiting = again;
    onProgress(settled);
    const dueMs = rate === undefined ? 0 : startMs + (settled / rate) * 1_000 - clock.monotonicMs();
    const pauseMs = Math.max(again.length > 0 ? AGAIN_MS : 0, dueMs);
    if (pauseMs > 0 && settled < total) await clock.sleep(pauseMs, signal);
  }
  return { sent: total, taken, skipped };
}

const BAR_WIDTH = 30;

/** On a terminal a bar in place, else a line each tenth. */
function progressBar({ stderr, color }: CliIo, total: number): (settled: number) => void {
  let told = -1;
  return (settled) => {
    const tenth = Math.floor((10 * settled) / total);
    if (!color && tenth === told) return;
    told = tenth;
    const filled = Math.floor((BAR_WIDTH * settled) / total);
    const line = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${settled}/${total}`;
    stderr.write(color ? `\r${line}${settled === total ? '\n' : ''}` : `${line}\n`);
  };
}

function resultText({ sent, taken, skipped }: ReplayResult): string {
  const never = Object.entries(skipped).map(([reason, count]) => `${count} ${reason}`);
  return `${sent} sent, ${taken} taken${never.length === 0 ? '' : `, never asked: ${never.join(', ')}`}\nfarshore shadow status shows what came of them.\n`;
}

function fileText(io: CliIo, file: string): string {
  try {
    return io.readFile(file);
  } catch {
    throw new UsageError(`the file ${file} cannot be read`);
  }
}

function parseRate(text: string): number {
  const rate = Number(text);
  if (!(rate >= 0.1 && rate <= 100_000)) throw new InvalidArgumentError('Write a number from 0.1 to 100000.');
  return rate;
}

function parseLoop(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('Write a whole number from 1.');
  return Number(text);
}
