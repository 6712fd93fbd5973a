import { describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/cli.ts';
import { painter } from '../../../src/cli/output.ts';
import { lagText, secondsText, statusText } from '../../../src/cli/status-text.ts';
import { status, testIo } from './fixtures.ts';

const shown = async (...args: readonly string[]): Promise<string> => {
  const io = testIo();
  expect(await runCli([...args, '--url', 'http://gate:1'], io)).toBe(0);
  return io.out();
};

describe('status', () => {
  it('shows what is down, what stands still, and the command that resumes it', async () => {
    expect(await shown('status')).toBe(`region             eu-west
primary            us-east
daemon             active, version 0.1.0, since 2026-03-01T10:00:00.000Z
lease              epoch 7
primary kafka      down: no broker answered
regional database  up
heartbeat          35 ms end to end, seen 1.2 s ago
records            1200 mirrored, 1192 applied since the start
rejected           3 of public.invoices kept · farshore rejected list
partitions         mirror 1 running, 1 stopped; apply 1 running
lag                at most 2 min (billing.invoices:0), unknown for 1 of 2 partitions

stopped billing.invoices:1 mirror [source_truncated] since 2026-03-01T11:00:00.000Z
  The log at home starts at 900, the position is 812: 88 records were deleted before they were mirrored
  next: farshore partition resume billing.invoices:1 --stage mirror --from earliest --accept-loss

stopped table public.accounts of billing.accounts: column total is missing
`);
  });

  it('is the daemon’s answer as JSON', async () => {
    expect(JSON.parse(await shown('status', '-o', 'json'))).toEqual(status);
  });

  it('is coloured only where colours are wanted', () => {
    expect(statusText(status, painter(true))).toContain('\u001b[31mdown: no broker answered\u001b[0m');
    expect(statusText(status, painter(false))).not.toContain('\u001b');
  });

  it('calls lag and heartbeat unknown before the first measurement', () => {
    const early = { ...status, partitions: [], heartbeat: { latencySeconds: null, ageSeconds: null } };
    const text = statusText(early, painter(false));
    expect(text).toMatch(/^heartbeat +unknown$/m);
    expect(text).toMatch(/^lag +unknown$/m);
  });
});

describe('lag', () => {
  it('is a row a partition', async () => {
    expect(await shown('lag')).toBe(`PARTITION           MIRROR             APPLY             TOTAL
billing.invoices:0  400 ms, 0 records  1.3 s, 8 records  2 min, 8 records
billing.invoices:1  unknown            -                 -
`);
  });

  it('C21: is never 0 while it is unknown', () => {
    expect(lagText({ known: false, seconds: null, records: null })).toBe('unknown');
    expect(lagText({ known: false, seconds: 0, records: '0' })).toBe('unknown');
    expect(lagText({ known: true, seconds: null, records: null })).toBe('unknown');
    expect(lagText({ known: true, seconds: 0, records: '0' })).toBe('0 ms, 0 records');
  });

  it('is read in fitting units', () => {
    expect([0.0004, 59, 119.96, 7199, 7260].map(secondsText)).toEqual(['0 ms', '59.0 s', '120.0 s', '119 min', '2 h 1 min']);
  });
});

describe('partition list', () => {
  it('is a row a stage, and what stands still with its command', async () => {
    expect(await shown('partition', 'list')).toBe(`PARTITION           STAGE   STATE    NEXT  END      CODE
billing.invoices:0  mirror  running  812   820
billing.invoices:0  apply   running  812   820
billing.invoices:1  mirror  stopped  812   unknown  source_truncated

stopped billing.invoices:1 mirror [source_truncated] since 2026-03-01T11:00:00.000Z
  The log at home starts at 900, the position is 812: 88 records were deleted before they were mirrored
  next: farshore partition resume billing.invoices:1 --stage mirror --from earliest --accept-loss
`);
  });
});
