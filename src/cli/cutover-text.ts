import type { CutoverLogEntry, CutoverPlan, UnmirroredRange } from '../model/cutover.ts';
import { type Paint, printable, textTable } from './output.ts';

export function planText(plan: CutoverPlan, paint: Paint): string {
  const { region, primary, state, since, reason, epoch, home, open, hold, measured, steps, verbs, hooks } = plan;
  const parts = [
    textTable([
      ['region', `${region} (primary ${primary})`],
      ['state', `${paint('bold', state)} since ${since}`],
      ['because', printable(reason)],
      ['home', `${home}, epoch ${epoch}; open: ${open}`],
      ['hold', hold === null ? 'none' : `${printable(hold.by)} since ${hold.at}: ${printable(hold.reason)}`],
    ]),
    measured === null ? 'gates: not measured by this daemon now (only the active one measures)\n' : gatesText(measured, paint),
    `steps of a cutover\n${textTable(steps.map(({ step, what, state: at }) => ['', at.replace('_', ' '), step, what]))}`,
    `verbs\n${textTable(verbs.map(({ verb, refused }) => ['', verb, refused === null ? 'would be taken' : `refused: ${printable(refused)}`]))}`,
  ];
  if (hooks.length > 0) parts.push(`hooks, not run by this\n${textTable(hooks.map(({ on, what }) => ['', on, printable(what)]))}`);
  return parts.join('\n');
}

function gatesText({ gates, window }: NonNullable<CutoverPlan['measured']>, paint: Paint): string {
  const rows = gates.map(({ gate, open, since, reason }) => [open ? 'open' : 'SHUT', gate, since ?? '-', printable(reason ?? '')]);
  const table = textTable([['GATE', '', 'SINCE', 'WHY'], ...rows])
    .replaceAll(/^open/gm, paint('green', 'open'))
    .replaceAll(/^SHUT/gm, paint('red', 'SHUT'));
  const broken = window.broken === null ? '' : `; began anew last because ${printable(window.broken)}`;
  return `${table}all open for ${window.heldSeconds} of ${window.seconds} s, in ${window.readings} readings${broken}\n`;
}

/** Commands stand on lines of their own: they are copied. */
export function tailText(tail: readonly UnmirroredRange[]): string {
  if (tail.length === 0) return 'no primary that was given up is known to have records that never came here\n';
  const rows = tail.map(({ topic, primaryTopic, partition, from, to, foundAt }) => [
    printable(topic),
    printable(primaryTopic),
    String(partition),
    from,
    to,
    String(BigInt(to) - BigInt(from)),
    foundAt,
  ]);
  const table = textTable([['TOPIC', 'AT THE PRIMARY', 'PARTITION', 'FROM', 'BEFORE', 'AT MOST', 'FOUND'], ...rows]);
  return `${table}\n${tail.map(({ exportCommand }) => `${printable(exportCommand)}\n`).join('')}`;
}

export function logText(log: readonly CutoverLogEntry[]): string {
  const rows = log.flatMap(({ at, by, event, from, to, epoch, step, reason, hooks }) => [
    [at, printable(by), step === null ? event : `${event} ${step}`, from === to ? to : `${from} → ${to}`, epoch, printable(reason)],
    ...hooks.map(({ hook, result, detail }) => [
      '',
      '',
      'hook',
      result ?? 'not ended',
      '',
      printable(`${hook}${detail === null ? '' : `: ${detail}`}`),
    ]),
  ]);
  return textTable([['AT', 'BY', 'WHAT', 'STATE', 'EPOCH', 'REASON'], ...rows]);
}
