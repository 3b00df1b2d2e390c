import { isAbsolute, relative } from 'node:path';
import { AppError } from '../../manager/common/base/errors.js';
import type { Ignore } from '../build/ignore.js';
import { parseIgnore } from '../build/ignore.js';
import type { Hook, Project, Service } from '../compose/model.js';

/** What is done when something below a path changes. */
export interface WatchRule {
  readonly service: string;
  readonly action: 'sync' | 'sync+restart' | 'sync+exec' | 'restart' | 'rebuild';
  /** A folder or a file of this computer, absolute. */
  readonly path: string;
  /** Where it is in the container; empty with `rebuild` and `restart`. */
  readonly target: string;
  readonly ignore: Ignore;
  /** Undefined is everything. */
  readonly include: Ignore | undefined;
  readonly exec: Hook | undefined;
  readonly initialSync: boolean;
}

/** Files that editors and version control write beside what one works on. */
const ephemeral = [
  '**/.git',
  '**/*~',
  '**/.#*',
  '**/#*#',
  '**/*.swp',
  '**/*.swx',
  '**/4913',
  '**/.DS_Store',
];

const actions: readonly string[] = ['sync', 'sync+restart', 'sync+exec', 'restart', 'rebuild'];

/**
 * The rules of these services. `ignoreFile` gives the text of the `.dockerignore` in a build context. Throws
 * when none of the services has any, and for what cannot be done.
 */
export function watchRules(
  project: Project,
  keys: readonly string[],
  ignoreFile: (context: string) => string,
): readonly WatchRule[] {
  const rules = keys.flatMap((key) => {
    const service = project.services[key];
    if (service === undefined) throw new AppError('not-found', `no such service: ${key}`);
    return rulesOf(key, service, ignoreFile);
  });
  if (rules.length > 0) return rules;
  throw new AppError(
    'invalid',
    `none of the selected services is configured for watch, consider setting a "develop" section`,
  );
}

function rulesOf(
  key: string,
  service: Service,
  ignoreFile: (context: string) => string,
): readonly WatchRule[] {
  const { build, develop } = service;
  return (develop?.watch ?? []).map((trigger) => {
    const { action, path, target = '', ignore = [], include, exec } = trigger;
    if (!actions.includes(action)) {
      throw new AppError('invalid', `service ${key}: unknown watch action "${action}"`);
    }
    if (action === 'rebuild' && build === undefined) {
      throw new AppError(
        'invalid',
        `can't watch service "${key}" with action rebuild without a build context`,
      );
    }
    const shared = build?.context === undefined ? [] : inherited(path, build.context, ignoreFile);
    const patterns = [...shared, ...ephemeral, ...ignore];
    return {
      service: key,
      action: action as WatchRule['action'],
      path,
      target,
      ignore: parseIgnore(patterns.join('\n')),
      include: include === undefined ? undefined : parseIgnore(include.join('\n')),
      exec,
      initialSync: trigger.initial_sync === true,
    };
  });
}

/** What the build leaves out is left out here, too, where the whole context is watched. */
function inherited(
  path: string,
  context: string,
  ignoreFile: (context: string) => string,
): readonly string[] {
  const below = relative(context, path);
  if (below.startsWith('..') || isAbsolute(below)) return [];
  const lines = ignoreFile(context).split('\n');
  if (below === '') return lines;
  // Patterns are rooted in the context: those for what is watched begin with its folder.
  return lines.flatMap((line) => {
    const keeps = line.startsWith('!') ? '!' : '';
    const pattern = line
      .slice(keeps.length)
      .trim()
      .replace(/^\.?\//u, '');
    if (pattern.startsWith('**')) return [line];
    return pattern.startsWith(`${below}/`) ? [keeps + pattern.slice(below.length + 1)] : [];
  });
}

/** Whether a rule is about a path, given relative to its own (empty: the path itself). */
export function concerns(rule: WatchRule, path: string): boolean {
  if (path === '') return true;
  if (rule.ignore.ignores(path)) return false;
  return rule.include?.ignores(path) ?? true;
}
