import { AppError } from '../base/errors.js';
import type { Node } from './node.js';
import { normalArch } from './platform.js';

/** One parsed placement constraint. All constraints of a task must hold. */
export interface Constraint {
  /** As written, `node.labels.disk`. */
  readonly key: string;
  readonly operator: '==' | '!=';
  readonly value: string;
}

const plainKeys = [
  'node.id',
  'node.hostname',
  'node.role',
  'node.platform.os',
  'node.platform.arch',
] as const;
const labelPrefixes = ['node.labels.', 'engine.labels.'] as const;
const knownKeys = `${plainKeys.join(', ')}, node.labels.NAME, engine.labels.NAME`;

/** Parses `key == value` or `key != value`. Throws `invalid` with the reason. */
export function parseConstraint(text: string): Constraint {
  const match = /^\s*([^=!\s]+)\s*(==|!=)\s*(.*?)\s*$/.exec(text);
  if (match === null) {
    throw new AppError('invalid', `constraint "${text}": expected KEY == VALUE or KEY != VALUE`);
  }
  const [, key = '', operator, value = ''] = match;
  const isLabel = labelPrefixes.some(
    (prefix) => key.startsWith(prefix) && key.length > prefix.length,
  );
  if (!isLabel && !plainKeys.some((plain) => plain === key)) {
    throw new AppError(
      'invalid',
      `constraint "${text}": unknown key ${key}, known are ${knownKeys}`,
    );
  }
  if (value === '') throw new AppError('invalid', `constraint "${text}": the value is missing`);
  if (value.includes('*')) {
    throw new AppError('invalid', `constraint "${text}": wildcards are not supported`);
  }
  if (value.startsWith('=')) {
    throw new AppError('invalid', `constraint "${text}": expected == or != once`);
  }
  return { key, operator: operator === '!=' ? '!=' : '==', value };
}

/** Compares values case-insensitively, as Swarm does; a missing label counts as an empty string. */
export function satisfies(node: Node, constraint: Constraint): boolean {
  const wanted = normalValue(constraint.key, constraint.value);
  const equal = valuesOf(node, constraint.key).some(
    (value) => normalValue(constraint.key, value) === wanted,
  );
  return equal === (constraint.operator === '==');
}

/** Negates a constraint: describes a node that does not satisfy it. */
export function describeUnsatisfied(constraint: Constraint): string {
  const operator = constraint.operator === '==' ? '!=' : '==';
  return `${constraint.key} ${operator} ${constraint.value}`;
}

/** Value of a key such as `node.labels.zone` on a node, for spread preferences. */
export function valueOnNode(node: Node, key: string): string {
  return valuesOf(node, key)[0];
}

function valuesOf(node: Node, key: string): readonly [string, ...string[]] {
  switch (key) {
    case 'node.id':
      return [node.id];
    case 'node.hostname':
      // The node's name in the cluster matches too: it is the name users see.
      return [node.description.hostname, node.spec.name];
    case 'node.role':
      return [node.spec.role];
    case 'node.platform.os':
      return [node.description.os];
    case 'node.platform.arch':
      return [node.description.arch];
    default:
      return [labelOf(node, key)];
  }
}

function labelOf(node: Node, key: string): string {
  const [nodeLabels, engineLabels] = labelPrefixes;
  if (key.startsWith(nodeLabels)) return node.spec.labels[key.slice(nodeLabels.length)] ?? '';
  return node.description.engineLabels[key.slice(engineLabels.length)] ?? '';
}

function normalValue(key: string, value: string): string {
  return key === 'node.platform.arch' ? normalArch(value) : value.toLowerCase();
}
