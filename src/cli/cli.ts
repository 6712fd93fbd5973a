import { Command, CommanderError } from 'commander';
import { auditVerb } from './audit.ts';
import { backfillVerb } from './backfill.ts';
import { checkVerb } from './check.ts';
import { completionVerb } from './completion.ts';
import { configVerb } from './config.ts';
import { cutoverVerb } from './cutover.ts';
import { reportError } from './error-text.ts';
import { initVerb } from './init.ts';
import { type CliIo, exitCodes } from './io.ts';
import { lagVerb } from './lag.ts';
import { migrateVerb } from './migrate.ts';
import { outboxVerb } from './outbox.ts';
import { partitionVerb } from './partition.ts';
import { rejectedVerb } from './rejected.ts';
import { runVerb } from './run.ts';
import { schemaVerb } from './schema.ts';
import { shadowVerb } from './shadow.ts';
import { statusVerb } from './status.ts';

/** Runs one command line (without node and script) and answers the exit code; never rejects. */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const program = farshoreProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has already written what is wrong, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const report = reportError(error);
    io.stderr.write(report.text);
    return report.exitCode;
  }
}

function farshoreProgram(io: CliIo, finish: (code: number) => void): Command {
  const program = new Command('farshore')
    .description('Keeps a region’s copy of the primary’s data and says how far behind it is.')
    .version(io.version, '-V, --version');
  const verbs = [
    runVerb(io, finish),
    checkVerb(io, finish),
    statusVerb(io),
    lagVerb(io),
    partitionVerb(io),
    rejectedVerb(io),
    schemaVerb(io, finish),
    auditVerb(io),
    backfillVerb(io),
    shadowVerb(io),
    cutoverVerb(io),
    outboxVerb(io),
    migrateVerb(io),
    configVerb(io),
    initVerb(io),
    completionVerb(io, program),
  ];
  for (const verb of verbs) program.addCommand(verb);
  everyCommand(program, (command) =>
    command
      .exitOverride()
      .showHelpAfterError('farshore help shows what can be written.')
      .configureOutput({
        writeOut: (text) => io.stdout.write(text),
        writeErr: (text) => io.stderr.write(text),
        getOutHasColors: () => io.color,
        getErrHasColors: () => io.color,
      }),
  );
  return program;
}

function everyCommand(command: Command, change: (command: Command) => unknown): void {
  change(command);
  for (const child of command.commands) everyCommand(child, change);
}
