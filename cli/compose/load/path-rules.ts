import { isList, type Path, type Tree } from '../yaml/tree.js';

/** Rules by path pattern, at one place of a walk: the rule that is for it, and where each key leads. */
export interface PathRules<T> {
  readonly value: T | undefined;
  readonly exact: ReadonlyMap<string, PathRules<T>>;
  readonly any: PathRules<T> | undefined;
}

/** Patterns from one place on. */
interface Pattern<T> {
  readonly parts: readonly string[];
  readonly value: T;
}

/**
 * Rules by path pattern, in which `*` stands for any one key or index: `services.*.ports.*.target`. Of two
 * that fit, the one that names a key counts. All that can be known before a walk is made out here, so that
 * a step of it is one look-up: files have far more values than there are rules.
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

/** Where a key leads; undefined: no rule is for anything there. */
export function ruleStep<T>(rules: PathRules<T>, key: string | number): PathRules<T> | undefined {
  return (typeof key === 'string' ? rules.exact.get(key) : undefined) ?? rules.any;
}

/** The rule of a path. */
export function ruleAt<T>(rules: PathRules<T>, path: Path): T | undefined {
  let here: PathRules<T> | undefined = rules;
  for (const key of path) {
    here = ruleStep(here, key);
    if (here === undefined) return undefined;
  }
  return here.value;
}

type Change<T> = (value: Tree, rule: T, path: Path, container: object) => Tree;

/**
 * Replaces every value that a rule is for by what `change` makes of it, outer ones first. Goes only where
 * rules lead.
 */
export function changeAt<T>(root: Tree, rules: PathRules<T>, change: Change<T>): void {
  descend(root, rules, change, []);
}

/** `path` is shared by the whole walk; a change gets a copy. */
function descend<T>(
  node: Tree,
  rules: PathRules<T>,
  change: Change<T>,
  path: (string | number)[],
): void {
  if (typeof node !== 'object' || node === null) return;
  const container = node as Record<string | number, Tree>;
  const step = (key: string | number): void => {
    const next = ruleStep(rules, key);
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
