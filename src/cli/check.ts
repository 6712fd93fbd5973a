import { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { Finding } from '../model/finding.ts';
import { type CliIo, exitCodes } from './io.ts';
import { type OutputOptions, type Paint, painter, withOutput, writeValue } from './output.ts';

interface CheckResult {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

export const checkVerb = (io: CliIo, finish: (code: number) => void): Command =>
  withOutput(
    new Command('check')
      .description('look at the configuration, connections, rights, schemas and tables; changes nothing')
      .requiredOption('--config <file>', 'configuration file'),
  ).action(async (options: OutputOptions & { readonly config: string }) => {
    const findings = await io.daemon.checkAll(loadConfig(options.config, io), io.signal);
    const result: CheckResult = { ok: findings.every(({ level }) => level !== 'problem'), findings };
    writeValue(io, options, result, (value) => findingsText(value, painter(io.color)));
    finish(result.ok ? exitCodes.ok : exitCodes.failed);
  });

const colors = { ok: 'green', warning: 'yellow', problem: 'red' } as const;

function findingsText({ findings }: CheckResult, paint: Paint): string {
  const lines = findings.map(({ level, area, what, place, hint }) => {
    const at = place === undefined ? '' : ` (${place})`;
    const next = hint === undefined ? '' : `           next: ${hint}\n`;
    return `${paint(colors[level], level.padEnd(8))} ${area}: ${what}${at}\n${next}`;
  });
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  return `${lines.join('')}${count('problem')} problems, ${count('warning')} warnings, ${count('ok')} ok\n`;
}
