import type { ListName } from '../views/all.js';
import { listViews } from '../views/all.js';
import type { CliCommand, RenderContext } from '../state/view.js';
import type { ClusterState } from '../state/cluster-state.js';

export type ParsedCommand =
  | { readonly kind: 'view'; readonly view: ListName; readonly filter: string }
  | { readonly kind: 'screen'; readonly screen: 'home' | 'topology' | 'help' }
  | { readonly kind: 'quit' }
  | { readonly kind: 'run'; readonly words: readonly string[] }
  | { readonly kind: 'problem'; readonly message: string };

const screens: Readonly<Record<string, 'home' | 'topology' | 'help'>> = {
  home: 'home',
  overview: 'home',
  pulse: 'home',
  topology: 'topology',
  topo: 'topology',
  grid: 'topology',
  help: 'help',
};

const quits = new Set(['q', 'q!', 'quit', 'exit']);

/** Commands that cannot run inside the dashboard. */
const blockedCommands = new Set(['dashboard', 'dash', 'completion']);

const views = new Map<string, ListName>(
  Object.values(listViews).flatMap((view) =>
    view.aliases.map((alias) => [alias, view.name as ListName] as const),
  ),
);

/** Splits a line into words like a shell: at blanks, with both kinds of quotes and `\` escapes. */
export function splitWords(text: string): readonly string[] {
  const words: string[] = [];
  for (const [, double, single, bare] of text.matchAll(
    /"((?:\\.|[^"])*)"|'([^']*)'|((?:\\.|[^\s"'])+)/gu,
  )) {
    if (single === undefined) words.push((double ?? bare ?? '').replace(/\\(.)/gu, '$1'));
    else words.push(single);
  }
  return words;
}

/**
 * Parses a command line. A view's name, alone or followed by a filter, shows that view; with other
 * words a CLI command of that name takes precedence: `:volumes` lists, `:volume rm x` removes.
 */
export function parseCommand(text: string, commands: readonly CliCommand[]): ParsedCommand {
  const words = splitWords(text);
  const [name = '', ...rest] = words;
  if (name === '') return { kind: 'problem', message: '' };
  if (quits.has(name)) return { kind: 'quit' };
  const screen = screens[name];
  if (screen !== undefined && rest.length === 0) return { kind: 'screen', screen };
  const view = views.get(name);
  const isVerb = commands.some((entry) => entry.name === name);
  const [first] = rest;
  if (view !== undefined && (first === undefined || first.startsWith('/') || !isVerb)) {
    return { kind: 'view', view, filter: rest.join(' ').replace(/^\//u, '') };
  }
  if (blockedCommands.has(name)) {
    return { kind: 'problem', message: `${name} cannot run inside the dashboard` };
  }
  if (isVerb) return { kind: 'run', words };
  return { kind: 'problem', message: `unknown view or command "${name}"; press ? for help` };
}

/** Candidates for a command's arguments. */
function namesFor(command: string, world: ClusterState): readonly string[] {
  const specNames = (objects: Iterable<{ readonly spec: { readonly name: string } }>) =>
    [...objects].map(({ spec }) => spec.name);
  switch (command) {
    case 'node':
    case 'machine':
    case 'doctor':
      return specNames(world.nodes.values());
    case 'network':
      return specNames(world.networks.values());
    case 'volume':
      return specNames(world.volumes.values());
    case 'secret':
      return specNames(world.secrets.values());
    case 'config-object':
      return specNames(world.configs.values());
    case 'scale':
      return [...world.services.values()].map(({ spec }) => `${spec.service}=`);
    default:
      return [
        ...[...world.services.values()].map(({ spec }) => spec.service),
        ...specNames(world.nodes.values()),
        ...[...world.services.values()].map(({ spec }) => spec.project),
      ];
  }
}

/** Candidates for the last word, not filtered by its prefix. */
function candidates(words: readonly string[], look: RenderContext): readonly string[] {
  const [name = ''] = words;
  if (words.length <= 1) {
    const commands = look.commands
      .map((command) => command.name)
      .filter((command) => !blockedCommands.has(command));
    return [...Object.keys(screens), ...views.keys(), ...commands, 'quit'];
  }
  const last = words.at(-1) ?? '';
  let command = look.commands.find((candidate) => candidate.name === name)?.words;
  for (const word of words.slice(1, -1)) command = command?.children[word] ?? command;
  if (last.startsWith('-')) return command?.flags ?? [];
  const children = Object.keys(command?.children ?? {});
  return children.length > 0 ? children : namesFor(name, look.world);
}

/** Completions of the last word, shortest first, at most `limit`. */
export function completions(text: string, look: RenderContext, limit = 8): readonly string[] {
  const words = text.split(/\s+/u);
  const last = words.at(-1) ?? '';
  if (last === '') return [];
  const matches = [...new Set(candidates(words, look))].filter(
    (word) => word.startsWith(last) && word !== last,
  );
  return matches.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, limit);
}

/** The text with its last word completed to the longest common prefix of all candidates. */
export function completeLine(text: string, look: RenderContext): string {
  const found = completions(text, look, 1000);
  const [first] = found;
  if (first === undefined) return text;
  const last = text.split(/\s+/u).at(-1) ?? '';
  const common = found.reduce((prefix, word) => {
    let length = 0;
    while (length < prefix.length && prefix[length] === word[length]) length += 1;
    return prefix.slice(0, length);
  }, first);
  const end = first.endsWith('=') ? '' : ' ';
  const word = found.length === 1 ? first + end : common.length > last.length ? common : first;
  return text.slice(0, text.length - last.length) + word;
}
