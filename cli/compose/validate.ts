import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import schema from './schema/compose-spec.json' with { type: 'json' };
import { errorAt, type ComposeError } from './error.js';
import { closest } from './closest.js';
import { Float, isList, Timestamp, type Tree, type TreeMap } from './tree.js';

let compiled: ValidateFunction | undefined;

/**
 * Compiled at the first use and not at import: most commands never validate. Told not to check the schema
 * itself nor to polish the code, ajv takes a fifth of the time.
 */
function validator(): ValidateFunction {
  compiled ??= new Ajv({
    strict: false,
    verbose: true,
    validateFormats: false,
    validateSchema: false,
    meta: false,
    inlineRefs: false,
    code: { optimize: false },
  }).compile(schema);
  return compiled;
}

/** Checks a merged tree against the Compose schema. Throws what is wrong first, with its place. */
export function validateSchema(root: TreeMap): void {
  const validate = validator();
  if (validate(unwrapped(root, { root, path: [] }))) return;
  throw translate(validate.errors ?? [], root);
}

/** Numbers as the schema knows them, in objects with the prototype that ajv expects. Dates are refused. */
function unwrapped(node: Tree, where: { root: TreeMap; path: (string | number)[] }): unknown {
  if (typeof node === 'bigint') return Number(node);
  if (typeof node !== 'object' || node === null) return node;
  if (node instanceof Float) return node.value;
  if (node instanceof Timestamp) {
    if (where.path.some((key) => String(key).startsWith('x-'))) return node.text;
    throw errorAt(where.root, where.path, `"${node.text}" is a date in YAML, quote it`);
  }
  const into = (value: Tree, key: string | number): unknown => {
    where.path.push(key);
    const result = unwrapped(value, where);
    where.path.pop();
    return result;
  };
  if (isList(node)) return node.map(into);
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(node)) {
    const value = into(node[key] as Tree, key);
    if (key === '__proto__') Object.defineProperty(result, key, { value, enumerable: true });
    else result[key] = value;
  }
  return result;
}

/** Of the errors of all branches, those that went deepest say most. */
function translate(errors: readonly ErrorObject[], root: TreeMap): ComposeError {
  const depth = (error: ErrorObject): number => pathOf(error).length;
  const told = errors.filter((error) => !['oneOf', 'anyOf', 'if'].includes(error.keyword));
  const pool = told.length > 0 ? told : errors;
  const deepest = Math.max(...pool.map(depth));
  const best = pool.filter((error) => depth(error) === deepest);
  const first = best.find((error) => error.keyword !== 'type') ?? best[0];
  if (first === undefined) return errorAt(root, [], 'does not fit the Compose schema');
  if (first.keyword === 'type') return typeError(best, root);
  return specificError(first, root);
}

function pathOf(error: ErrorObject): string[] {
  return error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
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

function typeError(errors: readonly ErrorObject[], root: TreeMap): ComposeError {
  const first = errors[0];
  if (first === undefined) return errorAt(root, [], 'has the wrong type');
  const wanted = errors
    .filter((error) => error.instancePath === first.instancePath)
    .flatMap((error) => (error.params as { type: string | string[] }).type)
    .filter((type, index, all) => all.indexOf(type) === index)
    .map((type) => typeNames[type] ?? type);
  const last = wanted.pop() ?? '';
  const text = wanted.length === 0 ? last : `${wanted.join(', ')} or ${last}`;
  return errorAt(root, pathOf(first), `must be ${text}, not ${kindOf(first.data)}`);
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') return `the text "${value.slice(0, 60)}"`;
  return String(value);
}

function specificError(error: ErrorObject, root: TreeMap): ComposeError {
  const path = pathOf(error);
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'additionalProperties': {
      const key = String(params['additionalProperty']);
      return errorAt(root, [...path, key], unknownKey(key, path, error));
    }
    case 'required':
      return errorAt(root, path, `needs the key ${String(params['missingProperty'])}`);
    case 'enum':
      return errorAt(
        root,
        path,
        `must be one of ${(params['allowedValues'] as unknown[]).map(String).join(', ')}`,
      );
    case 'uniqueItems':
      return errorAt(
        root,
        [...path, Number(params['i'])],
        `is the same as item ${String(params['j'])}, items must be unique`,
      );
    case 'pattern':
      return errorAt(
        root,
        path,
        `"${String(error.data)}" does not match ${String(params['pattern'])}`,
      );
    default:
      return errorAt(root, path, error.message ?? 'is not valid');
  }
}

function unknownKey(key: string, path: readonly string[], error: ErrorObject): string {
  const parent = error.parentSchema as
    { properties?: object; patternProperties?: object } | undefined;
  const known = Object.keys(parent?.properties ?? {});
  if (known.length === 0) {
    return `name "${key}" is not allowed in ${path.join('.')}, use letters, digits, ., _ and -`;
  }
  const near = closest(key, known);
  const hint = near === undefined ? '' : `, did you mean ${near}?`;
  if (path.length === 0) {
    return `additional properties '${key}' not allowed at the top level${hint === '' ? ', services stand under services:' : hint}`;
  }
  return `additional properties '${key}' not allowed here${hint}`;
}
