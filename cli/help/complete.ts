import type { Command, Option } from 'commander';
import type { Cli } from '../cli.js';

/** Commands and names that completion draws its candidates from. */
export interface CompletionSource {
  readonly program: Command;
  /** Loads a command with its subcommands and options; undefined for an unknown command. */
  readonly load: (name: string) => Promise<Command | undefined>;
  /** Candidates for the command's arguments: names of services, machines or nodes. */
  readonly names: (command: string, sub: string | undefined) => Promise<readonly string[]>;
  /** Candidates for the value of an option, by its long name. */
  readonly values: (option: string) => Promise<readonly string[]>;
}

function optionsOf(command: Command): readonly string[] {
  return command.options.flatMap((option) => option.long ?? []);
}

/** The option that `word` names, if a value follows it. */
function optionWithValue(command: Command, word: string): Option | undefined {
  const option = command.options.find(({ short, long }) => word === short || word === long);
  return option?.required === true || option?.optional === true ? option : undefined;
}

function takesValue(command: Command, word: string): boolean {
  return optionWithValue(command, word) !== undefined;
}

/** Index of the first word that is neither an option of `command` nor an option's value. */
function firstOperand(command: Command, words: readonly string[]): number {
  let at = 0;
  while (at < words.length && (words[at] ?? '').startsWith('-')) {
    at += takesValue(command, words[at] ?? '') ? 2 : 1;
  }
  return at;
}

async function valuesOf(option: Option, known: CompletionSource): Promise<readonly string[]> {
  return option.argChoices ?? (await known.values(option.long ?? ''));
}

/** Completes the last of `words`; the words before it decide the candidates. */
export async function complete(
  words: readonly string[],
  known: CompletionSource,
): Promise<readonly string[]> {
  const last = words.at(-1) ?? '';
  const fits = (candidates: readonly string[]): readonly string[] =>
    candidates.filter((candidate) => candidate.startsWith(last));
  const before = words.slice(0, -1);
  const at = firstOperand(known.program, before);
  const name = before[at];
  if (name === undefined) {
    if (at > before.length) return [];
    return fits(
      last.startsWith('-')
        ? optionsOf(known.program)
        : known.program.commands.map((command) => command.name()),
    );
  }
  const command = await known.load(name);
  if (command === undefined) return [];
  const { target, path } = findLeaf(command, before.slice(at + 1));
  if (last.startsWith('-')) return fits(optionsOf(target));
  const option = optionWithValue(target, before.at(-1) ?? '');
  if (option !== undefined) return fits(await valuesOf(option, known));
  const children = target.commands.map((child) => child.name());
  if (children.length > 0 && target.registeredArguments.length === 0) return fits(children);
  return fits([...children, ...(await known.names(name, path[0]))]);
}

/** The subcommand that the words name, through all levels, and its path below the command. */
function findLeaf(
  command: Command,
  words: readonly string[],
): { readonly target: Command; readonly path: readonly string[] } {
  const at = firstOperand(command, words);
  const child = command.commands.find((each) => each.name() === words[at]);
  if (child === undefined) return { target: command, path: [] };
  const { target, path } = findLeaf(child, words.slice(at + 1));
  return { target, path: [child.name(), ...path] };
}

const serviceCommands = new Set([
  'attach',
  'down',
  'events',
  'exec',
  'explain',
  'images',
  'kill',
  'logs',
  'port',
  'ps',
  'restart',
  'rm',
  'roll',
  'rollback',
  'scale',
  'start',
  'stop',
  'top',
  'up',
  'volumes',
]);

/** Time limit for the manager's answer; completion must not delay typing. */
const answerMs = 1_500;

/** Current names for a command's arguments; empty instead of an error if no manager answers. */
export async function completionNames(
  cli: Cli,
  command: string,
  sub: string | undefined,
): Promise<readonly string[]> {
  try {
    if (serviceCommands.has(command)) return await services(cli, command);
    if (command === 'machine' || command === 'doctor') return await machineNames(cli);
    if (command === 'manager') return sub === undefined ? [] : await machineNames(cli);
    if (command === 'describe') return await describableNames(cli);
    if (command === 'completion') return ['bash', 'zsh', 'fish'];
    if (sub === undefined || sub === 'ls' || sub === 'create') return [];
    return await objectNames(cli, command);
  } catch {
    return [];
  }
}

/** Current values of an option that names an object; empty if no manager answers. */
export async function completionValues(cli: Cli, option: string): Promise<readonly string[]> {
  try {
    return option === '--client' ? await objectNames(cli, 'client') : [];
  } catch {
    return [];
  }
}

async function services(cli: Cli, command: string): Promise<readonly string[]> {
  const { projectNameOf, loadFile } = await import('../project/load-request.js');
  const suffix = command === 'scale' ? '=' : '';
  if (command === 'up') {
    const { project } = await loadFile(cli, []);
    return Object.keys({ ...project.services, ...project.disabledServices }).sort();
  }
  const project = await projectNameOf(cli);
  const client = await cli.connect();
  const found = await client.call('service.list', { project }, { timeoutMs: answerMs });
  return found.map(({ spec }) => `${spec.service}${suffix}`).sort();
}

async function machineNames(cli: Cli): Promise<readonly string[]> {
  const { MachineStore, resolveStoreFolder: storeFolder } =
    await import('../inventory/machine-store.js');
  return new MachineStore(storeFolder(cli.options.storagePath, cli.env)).names();
}

/** Projects that have services or settings. */
async function projectNames(cli: Cli): Promise<readonly string[]> {
  const options = { timeoutMs: answerMs };
  const client = await cli.connect();
  const [running, settings] = await Promise.all([
    client.call('project.list', {}, options),
    client.call('project.settings', {}, options),
  ]);
  const names = [...running.map(({ name }) => name), ...settings.map(({ project }) => project)];
  return [...new Set(names)].sort();
}

/** Names of services, nodes, networks and volumes, for `describe`. */
async function describableNames(cli: Cli): Promise<readonly string[]> {
  const options = { timeoutMs: answerMs };
  const client = await cli.connect();
  const [services, nodes, networks, volumes] = await Promise.all([
    client.call('service.list', {}, options),
    client.call('node.list', {}, options),
    client.call('network.list', {}, options),
    client.call('volume.list', {}, options),
  ]);
  const names = [...nodes, ...networks, ...volumes].map(({ spec }) => spec.name);
  return [...new Set([...services.map(({ spec }) => spec.service), ...names])].sort();
}

async function objectNames(cli: Cli, command: string): Promise<readonly string[]> {
  const options = { timeoutMs: answerMs };
  const client = await cli.connect();
  switch (command) {
    case 'node':
      return (await client.call('node.list', {}, options)).map(({ spec }) => spec.name);
    case 'network':
      return (await client.call('network.list', {}, options)).map(({ spec }) => spec.name);
    case 'volume':
      return (await client.call('volume.list', {}, options)).map(({ spec }) => spec.name);
    case 'secret':
      return (await client.call('secret.list', {}, options)).map(({ spec }) => spec.name);
    case 'project':
      return await projectNames(cli);
    case 'client':
      return (await client.call('client.list', {}, options)).map(({ name }) => name);
    case 'config-object':
      return (await client.call('config.list', {}, options)).map(({ spec }) => spec.name);
    default:
      return [];
  }
}
