import { castText, type Cast } from './cast.js';
import { errorAt } from '../error.js';
import { TemplateError } from './template-error.js';
import { pathRules, rulesBelow, type PathRules } from '../load/path-rules.js';
import { isList, isMap, type Tree, type TreeList, type TreeMap } from '../yaml/tree.js';

export type Lookup = (name: string) => string | undefined;

const nameForm = /[_a-zA-Z][_a-zA-Z0-9]*/y;

/** Limits the recursion; real files nest far less. */
const maxNesting = 50;

/**
 * Substitutes `$NAME`, `${NAME}` with the operators `:-`, `-`, `:?`, `?`, `:+` and `+`, and `$$`.
 * The text after an operator is itself a template and is evaluated even if unused, as in docker
 * compose; any other `$` is kept. Calls `unset` for a plain reference to a variable without a
 * value. Throws TemplateError.
 */
export function substitute(
  text: string,
  lookup: Lookup,
  unset: (name: string) => void = () => undefined,
  nesting = 0,
): string {
  if (!text.includes('$')) return text;
  if (nesting > maxNesting)
    throw new TemplateError('variables are nested more than 50 deep; simplify the expression');
  let result = '';
  let at = 0;
  for (let dollar = text.indexOf('$'); dollar >= 0; dollar = text.indexOf('$', at)) {
    result += text.slice(at, dollar);
    at = dollar + 1;
    const next = text[at];
    if (next === '$') {
      result += '$';
      at += 1;
    } else if (next === '{') {
      const end = closingBrace(text, dollar);
      result += expression(text.slice(at + 1, end), { text, lookup, unset, nesting });
      at = end + 1;
    } else {
      nameForm.lastIndex = at;
      const name = nameForm.exec(text)?.[0];
      if (name === undefined) {
        result += '$';
        continue;
      }
      result += plain(name, lookup, unset);
      at += name.length;
    }
  }
  return result + text.slice(at);
}

interface Scope {
  readonly text: string;
  readonly lookup: Lookup;
  readonly unset: (name: string) => void;
  readonly nesting: number;
}

function plain(name: string, lookup: Lookup, unset: (name: string) => void): string {
  const value = lookup(name);
  if (value === undefined) unset(name);
  return value ?? '';
}

/** Returns the index of the brace that closes `${` at `start`; only `${` opens a nested one. */
function closingBrace(text: string, start: number): number {
  let open = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith('${', at)) {
      open += 1;
      at += 1;
    } else if (text[at] === '}') {
      open -= 1;
      if (open === 0) return at;
    }
  }
  throw malformed(text);
}

function malformed(text: string): TemplateError {
  return new TemplateError(
    `invalid interpolation format in "${text}"; write $$ for a literal dollar sign`,
  );
}

function expression(body: string, scope: Scope): string {
  nameForm.lastIndex = 0;
  const name = nameForm.exec(body)?.[0];
  if (name === undefined) throw malformed(scope.text);
  const rest = body.slice(name.length);
  if (rest === '') return plain(name, scope.lookup, scope.unset);
  const operator = /^:?[-?+]/.exec(rest)?.[0];
  if (operator === undefined) throw malformed(scope.text);
  const operand = substitute(
    rest.slice(operator.length),
    scope.lookup,
    scope.unset,
    scope.nesting + 1,
  );
  const value = scope.lookup(name);
  const present = value !== undefined && (!operator.startsWith(':') || value !== '');
  if (operator.endsWith('+')) return present ? operand : '';
  if (present) return value;
  if (operator.endsWith('-')) return operand;
  const hint = operand === '' ? '' : `: ${operand}`;
  throw new TemplateError(`required variable ${name} is missing a value${hint}`);
}

export interface Interpolation {
  readonly lookup: Lookup;
  readonly warn: (message: string) => void;
}

/**
 * Substitutes variables in every string value of a tree, not in keys, then casts numeric and
 * boolean fields. Modifies the tree in place. Throws ComposeError with the place.
 */
export function interpolateTree(root: TreeMap, options: Interpolation): void {
  walk(root, casts, { root, path: [], ...options });
}

interface Walk extends Interpolation {
  readonly root: TreeMap;
  /**
   * Path of the current value; mutated during the walk, because a copy per value is too expensive.
   */
  readonly path: (string | number)[];
}

function walk(node: TreeMap | TreeList, rules: PathRules<Cast> | undefined, context: Walk): void {
  const container = node as Record<string | number, Tree>;
  for (const key of isList(node) ? node.keys() : Object.keys(node)) {
    const value = container[key] as Tree;
    if (typeof value !== 'string' && !isList(value) && !isMap(value)) continue;
    const next = rules === undefined ? undefined : rulesBelow(rules, key);
    context.path.push(key);
    if (typeof value !== 'string') walk(value, next, context);
    else {
      const cast = next?.value;
      if (cast !== undefined || value.includes('$'))
        container[key] = interpolated(value, cast, context);
    }
    context.path.pop();
  }
}

function interpolated(text: string, cast: Cast | undefined, context: Walk): Tree {
  try {
    const value = substitute(text, context.lookup, (name) => {
      context.warn(`the "${name}" variable is not set, defaulting to a blank string`);
    });
    return cast === undefined ? value : castText(value, cast, context.warn);
  } catch (error) {
    if (error instanceof TemplateError) throw errorAt(context.root, context.path, error.message);
    throw error;
  }
}

const service = (fields: Readonly<Record<string, Cast>>): Record<string, Cast> =>
  Object.fromEntries(Object.entries(fields).map(([key, cast]) => [`services.*.${key}`, cast]));

const casts = pathRules<Cast>({
  ...service({
    cpu_count: 'int',
    cpu_percent: 'float',
    cpu_period: 'int',
    cpu_quota: 'int',
    cpu_rt_period: 'int',
    cpu_rt_runtime: 'int',
    cpus: 'float',
    cpu_shares: 'int',
    init: 'bool',
    'depends_on.*.restart': 'bool',
    'deploy.replicas': 'int',
    'deploy.update_config.parallelism': 'int',
    'deploy.update_config.max_failure_ratio': 'float',
    'deploy.rollback_config.parallelism': 'int',
    'deploy.rollback_config.max_failure_ratio': 'float',
    'deploy.restart_policy.max_attempts': 'int',
    'deploy.placement.max_replicas_per_node': 'int',
    'healthcheck.retries': 'int',
    'healthcheck.disable': 'bool',
    oom_kill_disable: 'bool',
    oom_score_adj: 'int',
    pids_limit: 'int',
    'ports.*.target': 'int',
    privileged: 'bool',
    read_only: 'bool',
    scale: 'int',
    stdin_open: 'bool',
    tty: 'bool',
    'ulimits.*': 'int',
    'ulimits.*.hard': 'int',
    'ulimits.*.soft': 'int',
    'volumes.*.read_only': 'bool',
    'volumes.*.volume.nocopy': 'bool',
  }),
  'networks.*.external': 'bool',
  'networks.*.internal': 'bool',
  'networks.*.attachable': 'bool',
  'networks.*.enable_ipv4': 'bool',
  'networks.*.enable_ipv6': 'bool',
  'volumes.*.external': 'bool',
  'secrets.*.external': 'bool',
  'configs.*.external': 'bool',
});
