import { isAbsolute, relative } from 'node:path';
import { AppError } from '../../manager/common/base/errors.js';
import type { IgnoreRules } from '../build/ignore.js';
import { parseIgnore } from '../build/ignore.js';
import type { Hook, Project, ComposeService } from '../compose/model.js';

/** A `develop.watch` trigger: the action on changes below a path. */
export interface WatchRule {
  readonly service: string;
  readonly action: 'sync' | 'sync+restart' | 'sync+exec' | 'restart' | 'rebuild';
  /** Absolute path of a directory or file on this computer. */
  readonly path: string;
  /** Path in the container; empty for `rebuild` and `restart`. */
  readonly target: string;
  readonly ignore: IgnoreRules;
  /** Undefined includes everything. */
  readonly include: IgnoreRules | undefined;
  readonly exec: Hook | undefined;
  readonly initialSync: boolean;
}

/** Patterns of temporary files that editors and version control write; always ignored. */
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
 * Returns the watch rules of the given services. `ignoreFile` returns the text of the
 * `.dockerignore` in a build context. Throws `not-found` for an unknown service, and `invalid` if
 * no service has a rule or a rule cannot be carried out.
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
  service: ComposeService,
  ignoreFile: (context: string) => string,
): readonly WatchRule[] {
  const { build, develop } = service;
  return (develop?.watch ?? []).map((trigger) => {
    const { action, path, target = '', ignore = [], include, exec } = trigger;
    if (!actions.includes(action)) {
      throw new AppError(
        'invalid',
        `service ${key}: unknown watch action "${action}"; use one of ${actions.join(', ')}`,
      );
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

/**
 * Patterns of the context's `.dockerignore`, relative to the watched path; none outside the
 * context.
 */
function inherited(
  path: string,
  context: string,
  ignoreFile: (context: string) => string,
): readonly string[] {
  const below = relative(context, path);
  if (below.startsWith('..') || isAbsolute(below)) return [];
  const lines = ignoreFile(context).split('\n');
  if (below === '') return lines;
  // Patterns are relative to the context; only those below the watched directory apply.
  return lines.flatMap((line) => {
    const negation = line.startsWith('!') ? '!' : '';
    const pattern = line
      .slice(negation.length)
      .trim()
      .replace(/^\.?\//u, '');
    if (pattern.startsWith('**')) return [line];
    return pattern.startsWith(`${below}/`) ? [negation + pattern.slice(below.length + 1)] : [];
  });
}

/** True if a rule applies to a path relative to the rule's path; `''` is the rule's path itself. */
export function ruleApplies(rule: WatchRule, path: string): boolean {
  if (path === '') return true;
  if (rule.ignore.ignores(path)) return false;
  return rule.include?.ignores(path) ?? true;
}
