import { byCodeUnit } from '../decode/reader.js';
import { printYaml } from '../yaml/yaml-print.js';
import { isList, isMap, type Tree } from '../yaml/tree.js';

/** A variable referenced in a Compose file. */
export interface ComposeVariable {
  readonly name: string;
  readonly required: boolean;
  readonly defaultValue: string;
  /** Replacement value if the variable is set (`:+`). */
  readonly alternate: string;
}

/**
 * Returns the variables of a tree before interpolation, sorted by name; the last reference wins.
 */
export function variablesOf(tree: Tree): ComposeVariable[] {
  const found = new Map<string, ComposeVariable>();
  collect(tree, found);
  return [...found.values()].sort((a, b) => byCodeUnit(a.name, b.name));
}

function collect(node: Tree, found: Map<string, ComposeVariable>): void {
  if (typeof node === 'string') fromText(node, found);
  else if (isList(node))
    node.forEach((item) => {
      collect(item, found);
    });
  else if (isMap(node))
    Object.values(node).forEach((item) => {
      collect(item, found);
    });
}

function fromText(text: string, found: Map<string, ComposeVariable>): void {
  for (let at = text.indexOf('$'); at >= 0; at = text.indexOf('$', at)) {
    if (text[at + 1] === '$') {
      at += 2;
      continue;
    }
    const plain = /^\$([_a-zA-Z][_a-zA-Z0-9]*)/.exec(text.slice(at));
    if (plain?.[1] !== undefined)
      found.set(plain[1], { name: plain[1], required: false, defaultValue: '', alternate: '' });
    const braced = text[at + 1] === '{' ? bodyAt(text, at + 2) : undefined;
    if (braced !== undefined) fromExpression(braced, found);
    at += plain?.[0].length ?? (braced === undefined ? 1 : braced.length + 3);
  }
}

function bodyAt(text: string, start: number): string | undefined {
  let open = 1;
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith('${', at)) open += 1;
    else if (text[at] === '}' && (open -= 1) === 0) return text.slice(start, at);
  }
  return undefined;
}

function fromExpression(body: string, found: Map<string, ComposeVariable>): void {
  const match = /^([_a-zA-Z][_a-zA-Z0-9]*)(?:(:?[-?+])(.*))?$/s.exec(body);
  const name = match?.[1];
  if (match === null || name === undefined) return;
  const [operator, operand] = [match[2] ?? '', match[3] ?? ''];
  fromText(operand, found);
  found.set(name, {
    name,
    required: operator.endsWith('?'),
    defaultValue: operator.endsWith('-') ? operand : '',
    alternate: operator.endsWith('+') ? operand : '',
  });
}

/** Formats the variables for `config --variables`. */
export function printVariables(
  variables: readonly ComposeVariable[],
  format: 'yaml' | 'json' | 'table',
): string {
  if (format === 'table') return variableTable(variables);
  const entries = variables.map(({ name, required, defaultValue, alternate }) => {
    const fields = format === 'json' ? jsonFields : yamlFields;
    const values = [name, defaultValue, alternate, required];
    return [
      name,
      Object.fromEntries(fields.map((field, index) => [field, values[index]])),
    ] as const;
  });
  const value = Object.fromEntries(entries);
  return format === 'json'
    ? `${JSON.stringify(value, null, 4)}\n`
    : printYaml(value, { indent: 4 });
}

/** Names of a variable's fields in docker compose's output. */
const jsonFields = ['Name', 'DefaultValue', 'PresenceValue', 'Required'];
const yamlFields = ['name', 'defaultvalue', 'presencevalue', 'required'];

/** Formats the table of `config --variables`; columns are at least 20 characters wide. */
function variableTable(variables: readonly ComposeVariable[]): string {
  const rows = [
    ['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'],
    ...variables.map((variable) => [
      variable.name,
      String(variable.required),
      variable.defaultValue,
      variable.alternate,
    ]),
  ];
  const widths = [0, 1, 2].map((column) =>
    Math.max(20, ...rows.map((row) => (row[column] ?? '').length + 3)),
  );
  return rows
    .map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('')}\n`)
    .join('');
}
