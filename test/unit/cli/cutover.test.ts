import { describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/cli.ts';
import { cutoverPlan } from '../../../src/cutover/plan.ts';
import type { CutoverLogEntry, UnmirroredRange } from '../../../src/model/cutover.ts';
import { at, cutover, readinessOf } from '../cutover/fixtures.ts';
import { testIo } from './fixtures.ts';

const files = { '/etc/token': 'sesame\n' };
const readiness = readinessOf({ shadow: { kind: 'missing', reason: 'no answers are compared' } });
const plan = cutoverPlan(
  cutover({ hold: { by: 'bo', reason: 'billing \u001b[31mrun', at } }),
  {
    readiness,
    view: {
      at,
      gates: readiness.gates.map((gate) => ({ ...gate, since: at })),
      window: { seconds: 900, heldSeconds: 0, readings: 0, broken: 'shadow: no answers are compared' },
    },
  },
  { kind: 'none' },
  [{ on: 'ready', what: 'tell them' }],
  (verb) => (verb === 'start' ? 'the primary cannot be frozen' : null),
);
const answer = (body: unknown) => ({ status: 200, body: JSON.stringify(body) });
const daemon = ['--url', 'http://127.0.0.1:8320', '--token-file', '/etc/token'];

describe('cutover', () => {
  it('plans: state, every gate with its reason, steps, and what each verb would be refused with', async () => {
    const io = testIo({ files, answer: answer(plan) });
    expect(await runCli(['cutover', 'plan', ...daemon], io)).toBe(0);
    expect(io.sent.map(({ method, url }) => [method, url])).toEqual([['GET', 'http://127.0.0.1:8320/api/cutover?']]);
    expect(io.out()).toContain('state    observing since 2026-03-01T10:00:00.000Z\n');
    expect(io.out()).toContain('bo since 2026-03-01T10:00:00.000Z: billing ·[31mrun\n');
    expect(io.out()).toMatch(/^open +lag /m);
    expect(io.out()).toMatch(/^SHUT +shadow +\S+ +no answers are compared$/m);
    expect(io.out()).toContain('all open for 0 of 900 s, in 0 readings; began anew last because shadow: no answers are compared\n');
    expect(io.out()).toMatch(/^ +to do +prove_freeze +no session/m);
    expect(io.out()).toMatch(/^ +start +refused: bo holds it: billing ·\[31mrun; and the primary cannot be frozen$/m);
    expect(io.out()).toMatch(/^ +hold +refused: bo holds it already/m);
    expect(io.out()).toMatch(/^ +release +would be taken$/m);
    expect(io.out()).toMatch(/hooks, not run by this\n +ready +tell them\n$/);
    const json = testIo({ files, answer: answer(plan) });
    await runCli(['cutover', 'plan', '-o', 'json', ...daemon], json);
    expect(JSON.parse(json.out())).toEqual(plan);
  });

  it('tells that a standby measures nothing', async () => {
    const io = testIo({ files, answer: answer(cutoverPlan(cutover(), undefined, { kind: 'none' }, [], () => null)) });
    await runCli(['cutover', 'plan', ...daemon], io);
    expect(io.out()).toContain('gates: not measured by this daemon now');
    expect(io.out()).toMatch(/start +refused: the gates are not measured by this daemon now/);
  });

  it('logs who did what, with the hooks that were run', async () => {
    const entry: CutoverLogEntry = {
      revision: '4',
      at,
      by: 'farshore',
      event: 'evaluated',
      from: 'observing',
      to: 'shadowing',
      epoch: '1',
      open: 'primary',
      step: null,
      reason: 'the copy has held',
      gates: [],
      facts: null,
      hooks: [{ hook: 'tell them', result: null, detail: null }],
    };
    const io = testIo({ files, answer: answer({ log: [entry] }) });
    expect(await runCli(['cutover', 'log', '--limit', '5', ...daemon], io)).toBe(0);
    expect(io.sent[0]?.url).toBe('http://127.0.0.1:8320/api/cutover/log?limit=5');
    expect(io.out()).toMatch(/farshore +evaluated +observing → shadowing +1 +the copy has held\n +hook +not ended +tell them\n$/);
  });

  it('lists what a lost primary has alone, with commands to copy', async () => {
    const range: UnmirroredRange = {
      ...{ topic: 'e.invoices', primaryTopic: 'invoices', partition: 3, from: '812', to: '815', foundAt: at },
      exportCommand: 'kafka-console-consumer.sh --offset 812 > invoices-3-812.tail',
    };
    const io = testIo({ files, answer: answer({ tail: [range] }) });
    expect(await runCli(['cutover', 'tail', ...daemon], io)).toBe(0);
    expect(io.sent.map(({ method, url }) => [method, url])).toEqual([['GET', 'http://127.0.0.1:8320/api/cutover/tail?']]);
    expect(io.out()).toMatch(/^e\.invoices +invoices +3 +812 +815 +3 +2026-03-01T10:00:00\.000Z$/m);
    expect(io.out()).toMatch(/^kafka-console-consumer\.sh --offset 812 > invoices-3-812\.tail$/m);
    const json = testIo({ files, answer: answer({ tail: [range] }) });
    await runCli(['cutover', 'tail', '-o', 'json', ...daemon], json);
    expect(JSON.parse(json.out())).toEqual([range]);
    const none = testIo({ files, answer: answer({ tail: [] }) });
    await runCli(['cutover', 'tail', ...daemon], none);
    expect(none.out()).toBe('no primary that was given up is known to have records that never came here\n');
  });

  it('wants the region named: by --yes-region, or typed where somebody is there', async () => {
    const named = testIo({ files, answer: answer({ cutover: plan }) });
    expect(await runCli(['cutover', 'hold', '--reason', 'billing run', '--yes-region', 'eu-west', ...daemon], named)).toBe(0);
    expect(JSON.parse(named.sent[0]?.body ?? '')).toEqual({ region: 'eu-west', by: 'ada@gate', reason: 'billing run' });
    const typed = testIo({ files, answer: answer({ cutover: plan }), prompt: async () => ' eu-west ' });
    expect(await runCli(['cutover', 'release', '--by', 'bo', ...daemon], typed)).toBe(0);
    expect(JSON.parse(typed.sent[0]?.body ?? '')).toEqual({ region: 'eu-west', by: 'bo' });
    for (const prompt of [undefined, async () => ' ']) {
      const io = testIo({ files, prompt });
      expect(await runCli(['cutover', 'start', ...daemon], io)).toBe(2);
      expect(io.sent).toEqual([]);
    }
    const without = testIo({ files });
    expect(await runCli(['cutover', 'hold', '--yes-region', 'eu-west', ...daemon], without)).toBe(2);
    expect(without.err()).toContain('--reason');
  });
});
