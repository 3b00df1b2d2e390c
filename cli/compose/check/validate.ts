import { closest } from './closest.js';
import { errorAt } from '../error.js';
import { scalarText } from '../yaml/scalar.js';
import schema from '../schema/compose-spec.json' with { type: 'json' };
import {
  Float,
  isList,
  isMap,
  Timestamp,
  type Path,
  type Tree,
  type TreeMap,
} from '../yaml/tree.js';

/**
 * The subset of JSON Schema draft 7 that the Compose schema uses. A generic validator took longer
 * to compile the schema (0.2 s at every start) than the rest of loading, and could not tell which
 * branch of a `oneOf` was meant.
 */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly uniqueItems?: boolean;
}

interface Problem {
  readonly path: Path;
  readonly message: string;
  /** Expected types; set only if the type was the problem. */
  readonly types?: readonly string[];
}

const definitions = schema.definitions as unknown as Readonly<Record<string, Schema>>;

/** Validates a merged tree against the Compose schema. Throws the first problem with its place. */
export function validateSchema(root: TreeMap): void {
  const problem = check(root, schema, []);
  if (problem === undefined) return;
  throw errorAt(root, problem.path, problem.message);
}

/** Returns the first problem. `path` is shared by the whole walk; a problem copies it. */
function check(value: Tree, given: Schema, path: (string | number)[]): Problem | undefined {
  const rule = given.$ref === undefined ? given : resolve(given.$ref);
  if (rule.oneOf !== undefined) return checkBranches(value, rule.oneOf, path);
  if (rule.type !== undefined) {
    const types = typeof rule.type === 'string' ? [rule.type] : rule.type;
    if (!types.some((type) => isOfType(value, type))) return typeProblem(value, types, path);
  }
  if (isMap(value)) return checkMap(value, rule, path);
  if (isList(value)) return checkList(value, rule, path);
  return checkScalar(value, rule, path);
}

function resolve(reference: string): Schema {
  return definitions[reference.slice('#/definitions/'.length)] ?? {};
}

function isOfType(value: Tree, type: string): boolean {
  switch (type) {
    case 'object':
      return isMap(value);
    case 'array':
      return isList(value);
    case 'null':
      return value === null;
    case 'integer':
      return (
        typeof value === 'bigint' || Number.isInteger(value instanceof Float ? value.value : value)
      );
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint' || value instanceof Float;
    default:
      return typeof value === type;
  }
}

/** Reports the problem of the branch whose type matches; if none matches, names all types. */
function checkBranches(
  value: Tree,
  branches: readonly Schema[],
  path: (string | number)[],
): Problem | undefined {
  const problems: Problem[] = [];
  const depth = path.length;
  for (const branch of branches) {
    const problem = check(value, branch, path);
    path.length = depth;
    if (problem === undefined) return undefined;
    problems.push(problem);
  }
  const meant = problems.find(
    (problem) => problem.types === undefined || problem.path.length > depth,
  );
  return (
    meant ??
    typeProblem(
      value,
      problems.flatMap((problem) => problem.types ?? []),
      path,
    )
  );
}

const typeNames: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  integer: 'a whole number',
  null: 'empty',
  number: 'a number',
  object: 'a mapping',
  string: 'a string',
};

function typeProblem(value: Tree, types: readonly string[], path: Path): Problem {
  if (value instanceof Timestamp) {
    return { path: [...path], message: `"${value.text}" is a date in YAML; quote it`, types };
  }
  const names = [...new Set(types)].map((type) => typeNames[type] ?? type);
  const last = names.pop() ?? '';
  const expected = names.length === 0 ? last : `${names.join(', ')} or ${last}`;
  return { path: [...path], message: `must be ${expected}, not ${kindOf(value)}`, types };
}

function kindOf(value: Tree): string {
  if (value === null) return 'empty';
  return typeof value === 'string' ? `the string "${value.slice(0, 60)}"` : scalarText(value);
}

function checkMap(map: TreeMap, rule: Schema, path: (string | number)[]): Problem | undefined {
  for (const key of Object.keys(map)) {
    const schemas = schemasOf(key, rule);
    if (schemas.length === 0 && rule.additionalProperties === false) {
      return { path: [...path, key], message: unknownKey(key, path, rule) };
    }
    path.push(key);
    for (const part of schemas) {
      const problem = check(map[key] as Tree, part, path);
      if (problem !== undefined) return problem;
    }
    path.pop();
  }
  const missing = rule.required?.find((key) => map[key] === undefined);
  return missing === undefined
    ? undefined
    : { path: [...path], message: `missing property '${missing}'; add the key ${missing}` };
}

const expressions = new Map<string, RegExp>();

function expression(pattern: string): RegExp {
  let compiled = expressions.get(pattern);
  if (compiled === undefined) expressions.set(pattern, (compiled = new RegExp(pattern, 'u')));
  return compiled;
}

function schemasOf(key: string, rule: Schema): readonly Schema[] {
  const { properties, patternProperties } = rule;
  const own =
    properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
  if (own !== undefined) return [own];
  if (patternProperties === undefined) return [];
  return Object.keys(patternProperties)
    .filter((pattern) => expression(pattern).test(key))
    .map((pattern) => patternProperties[pattern] ?? {});
}

function unknownKey(key: string, path: Path, rule: Schema): string {
  const known = Object.keys(rule.properties ?? {});
  if (known.length === 0) {
    return `additional properties '${key}' not allowed; use letters, digits, ., _ and - in names`;
  }
  const suggestion = closest(key, known);
  const services = path.length === 0 ? '; put services under the key services' : '';
  const hint = suggestion === undefined ? services : `; did you mean ${suggestion}?`;
  return `additional properties '${key}' not allowed here${hint}`;
}

function checkList(
  list: readonly Tree[],
  rule: Schema,
  path: (string | number)[],
): Problem | undefined {
  const { items } = rule;
  if (items !== undefined) {
    for (const [index, item] of list.entries()) {
      path.push(index);
      const problem = check(item, items, path);
      if (problem !== undefined) return problem;
      path.pop();
    }
  }
  return rule.uniqueItems === true && list.length > 1 ? checkUnique(list, path) : undefined;
}

function checkUnique(list: readonly Tree[], path: Path): Problem | undefined {
  const seen = new Map<string, number>();
  for (const [index, item] of list.entries()) {
    const text = stableText(item);
    const other = seen.get(text);
    if (other !== undefined) {
      return {
        path: [...path, index],
        message: `is the same as item ${String(other)}; items must be unique`,
      };
    }
    seen.set(text, index);
  }
  return undefined;
}

/** Serializes a value canonically: two values are equal if and only if their texts are. */
function stableText(value: Tree): string {
  if (isList(value)) return `[${value.map(stableText).join(',')}]`;
  if (isMap(value)) {
    const entries = Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${stableText(value[key] as Tree)}`);
    return `{${entries.join(',')}}`;
  }
  return typeof value === 'string' ? JSON.stringify(value) : scalarText(value);
}

function checkScalar(value: Tree, rule: Schema, path: Path): Problem | undefined {
  const problem = (message: string): Problem => ({ path: [...path], message });
  if (rule.enum !== undefined && !rule.enum.includes(value)) {
    return problem(
      `must be one of ${rule.enum.map(String).join(', ')}, not "${scalarText(value)}"`,
    );
  }
  if (typeof value === 'string') {
    if (rule.pattern === undefined || expression(rule.pattern).test(value)) return undefined;
    return problem(`"${value.slice(0, 60)}" does not match ${rule.pattern}`);
  }
  const number = value instanceof Float ? value.value : value;
  if (rule.minimum !== undefined && Number(number) < rule.minimum) {
    return problem(`must be ${String(rule.minimum)} or more, not ${scalarText(value)}`);
  }
  if (rule.maximum !== undefined && Number(number) > rule.maximum) {
    return problem(`must be ${String(rule.maximum)} or less, not ${scalarText(value)}`);
  }
  return undefined;
}
