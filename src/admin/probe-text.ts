import type { Probe } from './contracts.ts';

/** A probe's answer as text: one word, or with `verbose`, and always when it fails, a line a check. */
export function probeText(probe: Probe, isVerbose: boolean): string {
  const verdict = probe.ok ? 'ok' : 'failed';
  if (probe.ok && !isVerbose) return `${verdict}\n`;
  const lines = probe.checks.map(({ name, ok, detail }) => `[${ok ? '+' : '-'}] ${name}${detail === undefined ? '' : `: ${detail}`}`);
  return `${[...lines, verdict].join('\n')}\n`;
}
