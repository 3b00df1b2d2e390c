import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import test from 'ava';
import { refusedPrefix } from '../../../cli/arguments/refused-flags.js';
import { buildProgram } from '../../../cli/program.js';
import { allCommands } from '../../../fixtures/docs/command-tree.js';
import type { ComposeFlag, ComposeHelp } from '../../../fixtures/docker-compose/help-text.js';
import { projectFolder } from '../../helpers/compose/corpus.js';
import { FakeCluster } from '../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../helpers/program/run-command.js';

/** Commands and flags of the real docker compose, written by `npm run compose-help`. */
const help = JSON.parse(
  readFileSync(join(projectFolder(), 'fixtures/docker-compose/help.json'), 'utf8'),
) as ComposeHelp;
const ours = await allCommands();
const program = buildProgram(() => {
  throw new Error('no command may run');
});

function commandAt(path: string): Command | undefined {
  return path === '' ? program : ours.find((command) => command.path === path)?.command;
}

/** The command itself or a parent of it is refused as a whole. */
function isRefused(path: string): boolean {
  const [root = ''] = path.split(' ');
  return commandAt(root)?.description().startsWith(refusedPrefix) === true;
}

/** Differences between a flag of docker compose and ours, as words for the failure message. */
function differences(command: Command, flag: ComposeFlag): readonly string[] {
  const option = command.options.find(({ long }) => long === flag.long);
  if (option === undefined) return [`${flag.long}: missing`];
  const takesValue = option.required || option.optional;
  const isList = /array|^list$|^scale$/iu.test(flag.value ?? '');
  return [
    ...(flag.short === undefined || option.short === flag.short ? [] : [`no ${flag.short}`]),
    ...((flag.value !== undefined) === takesValue || option.optional ? [] : ['value']),
    ...(isList && option.parseArg === undefined ? ['cannot be repeated'] : []),
    ...(option.negate && option.required ? ['loses its value'] : []),
  ].map((problem) => `${flag.long}: ${problem}`);
}

test('the help of docker compose is known', (t) => {
  t.regex(help.version, /^2\.40\./u);
  t.true(help.commands.length > 35);
  t.true(help.commands.flatMap(({ flags }) => flags).length > 200);
});

for (const { path, flags } of help.commands) {
  // Commands refused as a whole have a test of their own below.
  if (isRefused(path)) continue;
  test(`every flag of "docker compose ${path}" works or is refused by name`, (t) => {
    const command = commandAt(path);
    if (command === undefined) return void t.fail(`no command ${path}`);
    t.deepEqual(
      flags.flatMap((flag) => differences(command, flag)),
      [],
    );
  });
}

/** Flags that docker compose accepts and hides from its help. */
const hidden: readonly (readonly [path: string, flags: readonly string[]])[] = [
  ['', ['--verbose', '--workdir', '--no-ansi']],
  ['build', ['--compress', '--force-rm', '--no-rm', '--parallel', '--progress']],
  ['pull', ['--parallel', '--no-parallel']],
  ['rm', ['-a', '--all']],
  ['run', ['-i', '-t', '--tty', '--labels', '--volumes']],
  ['exec', ['-i', '-t', '--tty', '--no-TTY']],
];

for (const [path, flags] of hidden) {
  test(`flags that "docker compose ${path}" hides from its help are accepted`, (t) => {
    const known = commandAt(path)?.options.flatMap(({ short, long }) => [short, long]) ?? [];
    t.deepEqual(
      flags.filter((flag) => !known.includes(flag)),
      [],
    );
  });
}

test('hidden flags keep the meaning that docker compose gives them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-flags-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'compose.yaml'), 'services: {a: {image: x}}\n');
  const client = new FakeCluster();
  const argv = ['--verbose', '--no-ansi', '--workdir', folder, 'config', '--services'];
  const { stdout, error } = await runCommand(argv, { client });
  t.is(error, undefined);
  t.is(stdout, 'a\n');
});

test('"up --menu" is accepted without effect', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-flags-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const up = async (...flags: string[]): Promise<string | undefined> =>
    (
      await runCommand(['-f', join(folder, 'none.yaml'), 'up', ...flags], {
        client: new FakeCluster(),
      })
    ).error;
  t.regex((await up('--menu')) ?? '', /none\.yaml does not exist/u);
  t.is(await up('--menu'), await up());
});

for (const { path, command } of ours) {
  for (const option of command.options) {
    if (!option.description.startsWith(refusedPrefix)) continue;
    test(`"${path} ${option.long ?? ''}" is refused with the reason in its help`, async (t) => {
      const client = new FakeCluster();
      const value = option.required ? ['x'] : [];
      const argv = [...path.split(' '), option.long ?? '', ...value];
      const { error, code } = await runCommand(argv, { client });
      t.is(error, `${option.long ?? ''}: ${option.description}`);
      t.not(code, 0);
      t.deepEqual(client.calls, []);
    });
  }
}

test('commands without a counterpart are refused with the reason in their help', async (t) => {
  const refused = ours.filter(({ path }) => isRefused(path));
  t.deepEqual(
    refused.map(({ path }) => path),
    ['bridge', 'publish'],
  );
  for (const { path, command } of refused) {
    const client = new FakeCluster();
    const { error } = await runCommand([path, '--yes', 'app:1'], { client });
    t.is(error, `${path}: ${command.description()}`);
    t.deepEqual(client.calls, []);
  }
});
