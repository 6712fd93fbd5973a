import type { BenchLine } from './line.ts';
import { type BenchName, defaultRecords } from './options.ts';
import type { BenchResult } from './page.ts';

/** What each target is about, in the order of their numbers. */
const targets: Readonly<Record<string, string>> = {
  P1: 'Mirror, exactly once: records/s against MirrorMaker 2',
  P2: 'The same: CPU a record',
  P3: 'Mirror, compressed source batches: records/s against uncompressed',
  P4: 'Mirror: records/s against the same copy without transactions',
  P5: 'Apply, new rows: rows/s against COPY',
  P6: 'Apply: rows/s and CPU a row against the Debezium JDBC sink',
  P6b: 'Apply, hot keys: records/s against new rows',
  P7: 'Whole path over a backlog: CPU a record, rate at its end',
  P8: 'Latency at 2,000 records/s, acknowledge to commit',
  P9: 'Memory: backlog, stalled database',
  P10: 'Idle: CPU of 100 partitions',
  P11: 'Audit of equal tables: time of a full scan, bytes',
  P12: 'Audit that finds ten differences',
  P13: 'Shadow: compared requests a second, apply’s p99 beside it',
  P14: 'Restart: first new record',
};

const shown = (one: BenchLine): string => {
  const goal = one.goal.replace('>=', '≥').replace('<=', '≤');
  return `${one.case}: ${one.ratio} (${goal})`;
};

/** Says so where less was measured than the target names. */
function part({ bench, records }: BenchResult): string {
  const whole = defaultRecords[bench as BenchName];
  return records < whole ? `, ${records.toLocaleString('en-US')} of ${whole.toLocaleString('en-US')} records` : '';
}

/** One line a target: met only where every case of it is. */
export function verdictTable(results: readonly BenchResult[]): string {
  const rows = Object.entries(targets).map(([target, about]) => {
    const found = results.flatMap((result) => result.lines.filter((one) => one.target === target).map((one) => ({ one, result })));
    if (found.length === 0) return `| ${target} | ${about} | not measured | – | – |`;
    const missed = found.filter(({ one }) => !one.met);
    const measured = [...new Set(found.map(({ result }) => `${result.bench}, ${result.at.slice(0, 10)}${part(result)}`))].join('; ');
    const figures = found.map(({ one }) => (one.met ? shown(one) : `**${shown(one)}**`)).join('<br>');
    return `| ${target} | ${about} | ${missed.length === 0 ? 'met' : '**missed**'} | ${figures} | ${measured} |`;
  });
  return `| target | about | verdict | figures (goal) | measured by |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}
