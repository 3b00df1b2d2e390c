import { Command, CommanderError, Option } from 'commander';
import { AppError, toAppError } from '../manager/common/base/errors.js';
import type { Cli } from './cli.js';
import { acceptBooleanValues } from './arguments/boolean-flags.js';
import { collect } from './arguments/options.js';
import { addDryRun, dryRunText, plansOf } from './dry-run.js';
import { DryRunEnd } from './output/dry-run-end.js';
import { examplesText } from './help/examples.js';
import type { CommandEntry } from './commands/registry.js';
import { commandEntries } from './commands/registry.js';
import type { GlobalFlags } from './global-options.js';

/** Turns usage errors into exceptions without output; help still goes to standard output. */
function quietErrors(command: Command): Command {
  acceptBooleanValues(command);
  return command.exitOverride().configureOutput({ outputError: () => undefined });
}

function addGlobalOptions(program: Command): Command {
  return (
    program
      .option('-f, --file <file>', 'Compose configuration files', collect)
      .option('-p, --project-name <name>', 'project name')
      .option('--project-directory <path>', 'alternate working directory')
      .option('--env-file <file>', 'alternate environment file', collect)
      .option('--profile <name>', 'profile to enable', collect)
      .option('--all-resources', 'include all resources, even those not used by services')
      .option(
        '--compatibility',
        'names as of docker-compose 1 (project_service_1); config does not normalize the model',
      )
      .option('--dry-run', dryRunText)
      .option(
        '--parallel <number>',
        'maximum number of images transferred in parallel, -1 for unlimited',
      )
      .option('--progress <type>', 'type of progress output (auto, tty, plain, json, quiet)')
      .option('--ansi <when>', 'when to print ANSI control characters (never, always, auto)')
      .option('--cluster <name>', 'cluster to act on')
      .option('--storage-path <path>', 'directory of machines, clusters and certificates')
      .option('-D, --debug', 'show stack traces of errors')
      // docker compose hides these as well.
      .addOption(new Option('--verbose').hideHelp())
      .addOption(new Option('--workdir <path>').hideHelp())
      .addOption(new Option('--no-ansi').hideHelp())
      .addOption(new Option('-v, --version', 'show the version'))
  );
}

/** Builds the environment of the commands from the parsed flags. */
export type MakeCli = (flags: GlobalFlags) => Cli;

/**
 * Builds the tree of commands from names and summaries only. The invoked command loads its own file
 * and parses its own arguments, so that `--help` and `ps` start fast.
 */
export function buildProgram(makeCli: MakeCli): Command {
  const program = quietErrors(
    addGlobalOptions(new Command('shoal'))
      .description('Run Compose applications on many machines')
      .usage('[OPTIONS] COMMAND')
      .configureHelp({ subcommandTerm: (command) => command.name() })
      .enablePositionalOptions()
      .showHelpAfterError(false),
  );
  for (const entry of commandEntries) {
    const command = quietErrors(program.command(entry.name));
    if (entry.alias !== undefined) command.alias(entry.alias);
    command
      .description(entry.summary)
      .helpOption(false)
      .allowUnknownOption()
      .passThroughOptions()
      .argument('[args...]')
      .action(async (args: readonly string[]) => {
        await runEntry(entry, makeCli(program.opts<GlobalFlags>()), args);
      });
  }
  quietErrors(program.command('__complete', { hidden: true }))
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .argument('[words...]')
    .action(async (words: readonly string[]) => {
      await printCompletions(program, makeCli(program.opts<GlobalFlags>()), words);
    });
  program.action(async () => {
    if (program.opts<{ version?: boolean }>().version === true) {
      const entry = commandEntries.find(({ name }) => name === 'version');
      if (entry !== undefined) await runEntry(entry, makeCli(program.opts<GlobalFlags>()), []);
      return;
    }
    const [unknown] = program.args;
    if (unknown !== undefined) {
      throw await unknownCommand(unknown);
    }
    program.outputHelp();
  });
  return program.argument('[command]').allowExcessArguments();
}

async function unknownCommand(name: string): Promise<AppError> {
  const { closest } = await import('./compose/check/closest.js');
  const names = commandEntries.flatMap((entry) => [
    entry.name,
    ...(entry.alias ? [entry.alias] : []),
  ]);
  const suggestion = closest(name, names);
  const hint = suggestion === undefined ? '' : ` (did you mean "${suggestion}"?)`;
  return new AppError('invalid', `unknown command "${name}"${hint}; see "shoal --help"`);
}

async function printCompletions(
  program: Command,
  cli: Cli,
  words: readonly string[],
): Promise<void> {
  const { complete, completionNames, completionValues } = await import('./help/complete.js');
  const found = await complete(words, {
    program,
    names: (command, sub) => completionNames(cli, command, sub),
    values: (option) => completionValues(cli, option),
    load: async (name) => {
      const entry = commandEntries.find((known) => known.name === name);
      return entry === undefined ? undefined : (await loadEntry(entry, cli)).commands[0];
    },
  });
  cli.stdout.write(found.map((word) => `${word}\n`).join(''));
}

/** Loads a command with its subcommands below a bare root command named `shoal`. */
export async function loadEntry(entry: CommandEntry, cli: Cli): Promise<Command> {
  const root = quietErrors(new Command('shoal')).enablePositionalOptions();
  // Commands that read the options of their parent find them on this root.
  const { storagePath, cluster, debug, progress } = cli.options;
  for (const [name, value] of Object.entries({ storagePath, cluster, debug, progress })) {
    if (value !== undefined) root.setOptionValue(name, value);
  }
  const plans = plansOf(cli);
  const command = (await entry.load())(plans.cli);
  addDryRun(command, entry, plans);
  addExamples(command, entry.name);
  root.addCommand(command);
  quietTree(command);
  return root;
}

function addExamples(command: Command, path: string): void {
  const text = examplesText(path);
  if (text !== '') command.addHelpText('after', text);
  for (const child of command.commands) addExamples(child, `${path} ${child.name()}`);
}

function quietTree(command: Command): void {
  quietErrors(command).configureHelp({ subcommandTerm: (child) => child.name() });
  for (const child of command.commands) quietTree(child);
}

async function runEntry(entry: CommandEntry, cli: Cli, args: readonly string[]): Promise<void> {
  const root = await loadEntry(entry, cli);
  try {
    await root.parseAsync([entry.name, ...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof DryRunEnd)) throw error;
  }
}

/** True for the exception that commander throws after printing help. */
export function isHelp(error: unknown): boolean {
  return (
    error instanceof CommanderError && (error.exitCode === 0 || error.code === 'commander.help')
  );
}

/**
 * Converts commander's usage error into an `invalid` error of one line; returns any other error as
 * is.
 */
export function usageError(error: unknown): Error {
  if (!(error instanceof CommanderError)) return toAppError(error);
  const message = error.message.replace(/^error: /u, '').replaceAll(/\s*\n\s*/gu, ' ');
  return new AppError('invalid', message);
}
