import { isList, type Path, type Tree } from '../yaml/tree.js';

/** Rules compiled to a tree: the rule of the current path, and the subtree of each key. */
export interface PathRules<T> {
  readonly value: T | undefined;
  readonly exact: ReadonlyMap<string, PathRules<T>>;
  readonly any: PathRules<T> | undefined;
}

/** The remaining parts of a pattern. */
interface Pattern<T> {
  readonly parts: readonly string[];
  readonly value: T;
}

/**
 * Compiles rules by path pattern; `*` matches any single key or index: `services.*.ports.*.target`.
 * A literal key takes precedence over `*`. Compiled once, so that each step of a walk is one
 * look-up: files have far more values than there are rules.
 */
export function pathRules<T>(entries: Readonly<Record<string, T>>): PathRules<T> {
  return compile(
    Object.entries(entries).map(([pattern, value]) => ({ parts: pattern.split('.'), value })),
  );
}

function compile<T>(patterns: readonly Pattern<T>[]): PathRules<T> {
  const after = (part: string): Pattern<T>[] =>
    patterns.flatMap(({ parts, value }) =>
      parts[0] === part ? [{ parts: parts.slice(1), value }] : [],
    );
  const names = new Set(patterns.flatMap(({ parts }) => parts.slice(0, 1)));
  names.delete('*');
  const any = after('*');
  return {
    value: patterns.find(({ parts }) => parts.length === 0)?.value,
    exact: new Map([...names].map((name) => [name, compile([...after(name), ...any])])),
    any: any.length === 0 ? undefined : compile(any),
  };
}

/** Returns the rules below a key; undefined if no rule applies there. */
export function rulesBelow<T>(rules: PathRules<T>, key: string | number): PathRules<T> | undefined {
  return (typeof key === 'string' ? rules.exact.get(key) : undefined) ?? rules.any;
}

/** Returns the rule for a path. */
export function ruleAt<T>(rules: PathRules<T>, path: Path): T | undefined {
  let node: PathRules<T> | undefined = rules;
  for (const key of path) {
    node = rulesBelow(node, key);
    if (node === undefined) return undefined;
  }
  return node.value;
}

type Change<T> = (value: Tree, rule: T, path: Path, container: object) => Tree;

/**
 * Replaces every value that has a rule by the result of `change`, outer values first. Visits only
 * paths that lead to a rule.
 */
export function applyPathRules<T>(root: Tree, rules: PathRules<T>, change: Change<T>): void {
  descend(root, rules, change, []);
}

/** Walks the tree. `path` is shared by the whole walk; `change` gets a copy. */
function descend<T>(
  node: Tree,
  rules: PathRules<T>,
  change: Change<T>,
  path: (string | number)[],
): void {
  if (typeof node !== 'object' || node === null) return;
  const container = node as Record<string | number, Tree>;
  const step = (key: string | number): void => {
    const next = rulesBelow(rules, key);
    if (next === undefined) return;
    path.push(key);
    if (next.value !== undefined)
      container[key] = change(container[key] as Tree, next.value, [...path], node);
    descend(container[key] as Tree, next, change, path);
    path.pop();
  };
  if (!isList(node)) for (const key of Object.keys(node)) step(key);
  else if (rules.any !== undefined)
    for (let index = 0; index < node.length; index += 1) step(index);
}
