import test from 'ava';
import { splitWords } from '../../../cli/dashboard/view-model/update/command-line.js';
import { buildProgram } from '../../../cli/program.js';
import type { TreeCommand } from '../../../fixtures/docs/command-tree.js';
import { allCommands, helpOf } from '../../../fixtures/docs/command-tree.js';

const commands = await allCommands();
const globals = buildProgram(() => {
  throw new Error('no command may run');
}).options.flatMap(({ short, long }) => [short ?? '', long ?? '']);

/** The `shoal …` lines of the examples in a help text, without their descriptions. */
function exampleLines(help: string): readonly string[] {
  const [, examples = ''] = help.split(/^Examples?:$/mu);
  return examples
    .split('\n')
    .map((line) => /(?:^|[^"\w])(shoal .*)$/u.exec(line.trim())?.[1] ?? '')
    .filter((line) => line !== '')
    .map((line) => line.split(/ {3,}|\)/u)[0] ?? '');
}

for (const { path, command } of commands) {
  test(`help of "${path}" has a description and an example`, (t) => {
    const help = helpOf(command);
    t.regex(help, /^Usage: shoal /u);
    t.true(command.description().length > 5, `${path} has no description`);
    const lines = exampleLines(help);
    t.true(lines.length > 0, `${path} has no example; add one to cli/help/examples.ts`);
    t.deepEqual(
      lines.filter((line) => line.length > 100),
      [],
    );
  });

  test(`examples of "${path}" use existing commands and flags`, (t) => {
    const unknown = exampleLines(helpOf(command)).flatMap((line) =>
      unknownFlags(line, path, command).map((flag) => `${flag} of ${line}`),
    );
    t.deepEqual(unknown, []);
  });
}

const passThrough = new Set(['exec', 'run', 'machine ssh']);

function unknownFlags(
  line: string,
  path: string,
  fallback: TreeCommand['command'],
): readonly string[] {
  const words = splitWords(line).slice(1);
  const [named] = commands
    .filter((entry) => ` ${words.join(' ')} `.includes(` ${entry.path} `))
    .sort((a, b) => b.path.length - a.path.length);
  // The help of a command also shows examples with its alias.
  const target = named?.command ?? fallback;
  const end = passThrough.has(named?.path ?? path)
    ? lastFlag(words, words.indexOf(target.name()))
    : words.length;
  const flags = words.slice(0, end).filter((word) => /^--?[a-z]/iu.test(word));
  const known = [...globals, ...optionsOf(target)];
  return flags
    .map((flag) => flag.split('=')[0] ?? flag)
    .filter((flag) => !known.includes(flag) && !isGroup(flag, known));
}

/**
 * Index where the command's own flags end; words after the first operand belong to the inner
 * command.
 */
function lastFlag(words: readonly string[], command: number): number {
  const rest = words.slice(command + 1);
  const operand = rest.findIndex((word) => !word.startsWith('-'));
  return operand < 0 ? words.length : command + 1 + operand;
}

function optionsOf(command: (typeof commands)[number]['command']): readonly string[] {
  const own = command.options.flatMap(({ short, long }) => [short ?? '', long ?? '']);
  return command.parent === null ? own : [...own, ...optionsOf(command.parent)];
}

/** True for grouped short flags: `-fs` means `-f -s`. */
function isGroup(name: string, known: readonly string[]): boolean {
  return (
    /^-[a-z]+$/iu.test(name) && Array.from(name.slice(1)).every((c) => known.includes(`-${c}`))
  );
}
