import type { Command, Option } from 'commander';
import { AppError } from '../../manager/common/base/errors.js';

/** The spellings that Docker's flags accept (Go's strconv.ParseBool). */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'True', 'TRUE'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'False', 'FALSE'].map((text) => [text, false] as const),
]);

interface Assignment {
  readonly option: Option;
  readonly value: boolean;
  /** Position of the flag in the words without the assignments. */
  readonly at: number;
}

/**
 * Makes every boolean flag of a command accept an explicit value, as Docker's flags do:
 * `--flag=false`, `-f=0`, `-df=false`. The last occurrence of a flag applies. Throws `invalid` for
 * a value that is not a boolean.
 */
export function acceptBooleanValues(command: Command): Command {
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (argv) => {
    const { words, assignments } = readAssignments(command, argv);
    const parsed = parse([...words]);
    for (const { option, value, at } of assignments) {
      if (words.slice(at).some((word) => isSet(option, word))) continue;
      const set = option.negate ? !value : value;
      command.setOptionValueWithSource(option.attributeName(), set, 'cli');
    }
    return parsed;
  };
  return command;
}

function readAssignments(
  command: Command,
  argv: readonly string[],
): { readonly words: readonly string[]; readonly assignments: readonly Assignment[] } {
  const words: string[] = [];
  const assignments: Assignment[] = [];
  let at = 0;
  while (at < argv.length && !endsOptions(command, argv[at] ?? '')) {
    const word = argv[at] ?? '';
    const found = assignmentIn(command, word);
    if (found === undefined) {
      const count = takesNext(command, word) ? 2 : 1;
      words.push(...argv.slice(at, at + count));
      at += count;
      continue;
    }
    if (found.others !== '') words.push(found.others);
    assignments.push({ option: found.option, value: found.value, at: words.length });
    at += 1;
  }
  return { words: [...words, ...argv.slice(at)], assignments };
}

/** True for `--`, and for a word after which all words belong to a subcommand or a process. */
function endsOptions(command: Command, word: string): boolean {
  if (word === '--') return true;
  if (word.startsWith('-') && word !== '-') return false;
  const { _passThroughOptions: passesThrough } = command as { _passThroughOptions?: boolean };
  return passesThrough === true || command.commands.length > 0;
}

/** Parses `--flag=VALUE`, `-f=VALUE` or `-abf=VALUE`; `others` is `-ab`. */
function assignmentIn(
  command: Command,
  word: string,
): { readonly option: Option; readonly value: boolean; readonly others: string } | undefined {
  const {
    flag,
    short = '',
    others = '',
    text = '',
  } = /^(?:(?<flag>--[^=]+)|-(?<others>[^-=]*)(?<short>[^-=]))=(?<text>.*)$/su.exec(word)?.groups ??
  {};
  const option = optionOf(command, flag ?? `-${short}`);
  if (option?.isBoolean() !== true && option?.negate !== true) return undefined;
  const areFlags = Array.from(others).every((letter) => {
    const other = optionOf(command, `-${letter}`);
    return other !== undefined && !other.required && !other.optional;
  });
  if (!areFlags) return undefined;
  const value = booleans.get(text);
  if (value === undefined) {
    throw new AppError(
      'invalid',
      `invalid argument "${text}" for flag ${option.flags}: use true or false`,
    );
  }
  return { option, value, others: others === '' ? '' : `-${others}` };
}

function optionOf(command: Command, flag: string): Option | undefined {
  return command.options.find(({ short, long }) => short === flag || long === flag);
}

/** True if the next word is the value of this flag. */
function takesNext(command: Command, word: string): boolean {
  return optionOf(command, word)?.required === true;
}

/** True if the word sets the option without a value, alone or in a group of short flags. */
function isSet({ short, long }: Option, word: string): boolean {
  if (word === long) return true;
  return short !== undefined && /^-[^-=]+$/u.test(word) && word.includes(short.slice(1));
}
