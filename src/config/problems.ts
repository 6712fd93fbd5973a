import { FarshoreError } from '../model/errors.ts';

/** One thing wrong with a configuration, at a 1-based line and column. Never holds a configured secret. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly suggestion?: string | undefined;
}

/** `config.yaml:12:5: message (suggestion)` */
const problemText = (file: string, { line, column, message, suggestion }: Problem): string =>
  `${file}:${line}:${column}: ${message}${suggestion === undefined ? '' : ` (${suggestion})`}`;

/** Everything wrong with a configuration, in the order of the file. Code `config_invalid`. */
export class ConfigProblems extends FarshoreError {
  readonly file: string;
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
    const lines = sorted.map((problem) => problemText(file, problem));
    super('config_invalid', lines.join('\n'), {
      place: file,
      hint: 'farshore config schema prints every key; docs/configuration.md explains them.',
      facts: { problems: sorted.length },
    });
    this.file = file;
    this.problems = sorted;
  }

  /** One `file:line:column: message (suggestion)` a problem. */
  get lines(): readonly string[] {
    return this.problems.map((problem) => problemText(this.file, problem));
  }
}
