import { AppError } from '../../../manager/common/base/errors.js';
import type { TemplateFunction } from './functions.js';
import { templateFunctions } from './functions.js';
import type { TemplateBlock, TemplateCommand, TemplateNode, Operand, Pipeline } from './parse.js';
import { parseTemplate } from './parse.js';
import { isTruthy, formatValue } from './values.js';

/**
 * Compiles a `--format` template: Go's text/template without definitions and methods, with docker's
 * functions. Throws `invalid` for a syntax error; the returned function throws it for a missing
 * field.
 */
export function compileTemplate(text: string): (value: unknown) => string {
  const nodes = checked(parseTemplate(unescaped(text)));
  return (value) => new Rendering(value, readField, run).nodes(nodes, value);
}

/**
 * Renders the header of a table: the template with the title of each field in place of its value.
 */
export function templateHeader(text: string, titleOf: (field: string) => string): string {
  const nodes = checked(parseTemplate(unescaped(text)));
  const title = (_: unknown, path: readonly string[]): unknown => titleOf(path.at(-1) ?? '');
  // Functions leave titles unchanged, as in docker.
  const same = (_name: string, _function: TemplateFunction, args: readonly unknown[]): unknown =>
    args.find((arg) => typeof arg === 'string') ?? '';
  return new Rendering({}, title, same).nodes(nodes, {});
}

/** Replaces the two-character sequences `\t` and `\n` of the command line, as docker does. */
function unescaped(text: string): string {
  return text.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
}

/** Rejects unknown functions before anything is printed. */
function checked(nodes: readonly TemplateNode[]): readonly TemplateNode[] {
  for (const node of nodes) {
    if (node.kind === 'text') continue;
    checkPipeline(node.pipeline);
    if (node.kind === 'print') continue;
    checked(node.body);
    checked(node.elseBody);
  }
  return nodes;
}

function checkPipeline({ commands }: Pipeline): void {
  for (const operand of commands.flat()) {
    if (operand.kind === 'group') checkPipeline(operand.pipeline);
    if (operand.kind === 'function') functionNamed(operand.name);
  }
}

function functionNamed(name: string): TemplateFunction {
  const found = templateFunctions[name];
  if (found !== undefined) return found;
  throw new AppError(
    'invalid',
    `template: function "${name}" is not defined; use one of ${Object.keys(templateFunctions).sort().join(', ')}`,
  );
}

function run(
  name: string,
  { minArgs: least, maxArgs: most, run: call }: TemplateFunction,
  args: readonly unknown[],
) {
  if (args.length >= least && args.length <= most) return call(...args);
  const expected = least === most ? String(least) : `${least} or more`;
  throw new AppError(
    'invalid',
    `template: ${name} takes ${expected} arguments, got ${args.length}`,
  );
}

type ReadField = (value: unknown, path: readonly string[]) => unknown;
type RunFunction = (name: string, found: TemplateFunction, args: readonly unknown[]) => unknown;

function readField(value: unknown, path: readonly string[]): unknown {
  return path.reduce(field, value);
}

function field(value: unknown, key: string): unknown {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object' && !Array.isArray(value)) {
    const found = value as Readonly<Record<string, unknown>>;
    if (Object.hasOwn(found, key)) return found[key];
    const names = Object.keys(found);
    // A missing key of a map (labels, options) is not an error; fields of records are capitalized.
    if (names.length === 0 || !names.every((name) => /^\p{Lu}/u.test(name))) return undefined;
    throw new AppError(
      'invalid',
      `template: field "${key}" is not defined; use one of ${names.sort().join(', ')}`,
    );
  }
  throw new AppError('invalid', `template: field "${key}" is not defined in ${formatValue(value)}`);
}

class Rendering {
  readonly #read: ReadField;
  readonly #run: RunFunction;
  #variables: ReadonlyMap<string, unknown>;

  constructor(root: unknown, read: ReadField, runFunction: RunFunction) {
    this.#read = read;
    this.#run = runFunction;
    this.#variables = new Map([['$', root]]);
  }

  nodes(nodes: readonly TemplateNode[], dot: unknown): string {
    const outer = this.#variables;
    let text = '';
    for (const node of nodes) text += this.#node(node, dot);
    this.#variables = outer;
    return text;
  }

  #node(node: TemplateNode, dot: unknown): string {
    if (node.kind === 'text') return node.text;
    const value = this.#pipeline(node.pipeline, dot);
    const { variables } = node.pipeline;
    if (node.kind === 'print') {
      if (variables.length === 0) return formatValue(value);
      this.#set(variables[0], value);
      return '';
    }
    if (node.kind === 'range') return this.#range(node, value, dot);
    const outer = this.#variables;
    this.#set(variables[0], value);
    const inside = node.kind === 'with' ? value : dot;
    const text = isTruthy(value) ? this.nodes(node.body, inside) : this.nodes(node.elseBody, dot);
    this.#variables = outer;
    return text;
  }

  #range(node: TemplateBlock, value: unknown, dot: unknown): string {
    const entries: readonly (readonly [unknown, unknown])[] = Array.isArray(value)
      ? value.map((item, at) => [at, item as unknown] as const)
      : typeof value === 'object' && value !== null
        ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
        : [];
    if (entries.length === 0) return this.nodes(node.elseBody, dot);
    const [first, second] = node.pipeline.variables;
    const outer = this.#variables;
    let text = '';
    for (const [key, item] of entries) {
      this.#set(first, second === undefined ? item : key);
      this.#set(second, item);
      text += this.nodes(node.body, item);
      this.#variables = outer;
    }
    return text;
  }

  #set(name: string | undefined, value: unknown): void {
    if (name !== undefined) this.#variables = new Map([...this.#variables, [name, value]]);
  }

  #pipeline({ commands }: Pipeline, dot: unknown): unknown {
    return commands.reduce<{ readonly value: unknown } | undefined>((before, command) => {
      const extra = before === undefined ? [] : [before.value];
      return { value: this.#command(command, extra, dot) };
    }, undefined)?.value;
  }

  #command([first, ...rest]: TemplateCommand, extra: readonly unknown[], dot: unknown): unknown {
    if (first.kind === 'function') {
      const args = rest.map((operand) => this.#operand(operand, dot));
      return this.#run(first.name, functionNamed(first.name), [...args, ...extra]);
    }
    if (extra.length > 0) throw new AppError('invalid', 'template: only a function can follow "|"');
    return this.#operand(first, dot);
  }

  #operand(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case 'literal':
        return operand.value;
      case 'field':
        return operand.path.length === 0 ? dot : this.#read(dot, operand.path);
      case 'variable':
        return this.#variable(operand.name, operand.path);
      case 'function':
        return this.#run(operand.name, functionNamed(operand.name), []);
      case 'group': {
        const value = this.#pipeline(operand.pipeline, dot);
        return operand.path.length === 0 ? value : this.#read(value, operand.path);
      }
    }
  }

  #variable(name: string, path: readonly string[]): unknown {
    if (!this.#variables.has(name)) {
      throw new AppError('invalid', `template: variable "${name}" is not defined`);
    }
    const value = this.#variables.get(name);
    return path.length === 0 ? value : this.#read(value, path);
  }
}
