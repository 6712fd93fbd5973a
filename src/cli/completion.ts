import { Argument, Command } from 'commander';
import type { CliIo } from './io.ts';

/** Prints a completion script made from the verbs and options of the program itself. */
export const completionVerb = (io: CliIo, program: Command): Command =>
  new Command('completion')
    .description('print a completion script for the shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh']))
    .action((shell: 'bash' | 'zsh') => {
      io.stdout.write(completionScript(shell, program));
    });

interface Completion {
  /** Verbs before the word to complete, such as `partition resume`; empty at the top. */
  readonly verb: string;
  readonly words: readonly string[];
  /** What --output takes. */
  readonly outputs: readonly string[];
}

function completions(command: Command, verb: readonly string[] = []): readonly Completion[] {
  const words = [
    ...command.commands.map((child) => child.name()),
    ...command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    ...command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long])),
    '--help',
  ];
  const outputs = command.options.find(({ long }) => long === '--output')?.argChoices ?? [];
  return [{ verb: verb.join(' '), words, outputs }, ...command.commands.flatMap((child) => completions(child, [...verb, child.name()]))];
}

// Written so that zsh runs it too, through its bashcompinit.
const bash = (verbs: string, cases: string): string => `_farshore() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" verb="" next word words="" outputs=""
  case "$previous" in
    --config|--token-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --stage) COMPREPLY=($(compgen -W "mirror apply" -- "$current")); return ;;
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${verb:+$verb }$word"
    case "|${verbs}|" in *"|$next|"*) verb="$next" ;; esac
  done
  case "$verb" in
${cases}
  esac
  case "$previous" in -o|--output) words="$outputs" ;; esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _farshore farshore
`;

function completionScript(shell: 'bash' | 'zsh', program: Command): string {
  const all = completions(program);
  const cases = all.map(({ verb, words, outputs }) => `    "${verb}") words="${words.join(' ')}" outputs="${outputs.join(' ')}" ;;`);
  const script = bash(all.map(({ verb }) => verb).join('|'), cases.join('\n'));
  return shell === 'bash' ? script : `#compdef farshore\nautoload -U +X bashcompinit && bashcompinit\n${script}`;
}
