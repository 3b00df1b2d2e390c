import { AppError } from '../base/errors.js';
import type { Pattern } from '../base/pattern.js';
import { compilePattern, isPlainText } from '../base/pattern.js';
import type { Labels } from './meta.js';

/** Subject of an expression of classic Swarm: nodes, or containers and images on them. */
export type ExpressionKind = 'constraint' | 'affinity';

/** `key==value` or `key!=value` of classic Swarm; `~` after the operator makes it soft. */
export interface SwarmExpression {
  readonly kind: ExpressionKind;
  readonly key: string;
  readonly operator: '==' | '!=';
  /** A preference: dropped if no node satisfies all expressions. */
  readonly isSoft: boolean;
  /** A plain text, a glob with `*`, or a regular expression between slashes. */
  readonly value: string;
}

/** Labels in which containers carry their expressions, as JSON arrays. */
const labelOf = {
  constraint: 'com.docker.swarm.constraints',
  affinity: 'com.docker.swarm.affinities',
} as const;
const rescheduleLabel = 'com.docker.swarm.reschedule-policies';
const reschedulePolicies = ['off', 'on-node-failure'];

const kinds = ['constraint', 'affinity'] as const;
const keyPattern = /^[a-z_][a-z0-9\-_.]+$/iu;

/** Parses one expression. Throws `invalid` in classic Swarm's words. */
export function parseExpression(kind: ExpressionKind, text: string): SwarmExpression {
  const matched = /^([^=!]*)(==|!=)(~?)(.*)$/su.exec(text);
  if (matched === null) {
    throw new AppError('invalid', `${kind} ${text}: One of operator ==, != is expected`);
  }
  const [, key = '', operator, soft, value = ''] = matched;
  if (!keyPattern.test(key)) throw new AppError('invalid', `${kind}: Key '${key}' is invalid`);
  if (value === '') throw new AppError('invalid', `${kind}: Value '${value}' is invalid`);
  const expression: SwarmExpression = {
    ...{ kind, key, operator: operator === '!=' ? '!=' : '==' },
    ...{ isSoft: soft === '~', value },
  };
  matcherOf(expression);
  return expression;
}

/** The expression as its author wrote it. */
export function expressionText({ key, operator, isSoft, value }: SwarmExpression): string {
  return `${key}${operator}${isSoft ? '~' : ''}${value}`;
}

/** Whether one of the values satisfies the expression; `!=` wants none of them to be equal. */
export function fitsExpression(expression: SwarmExpression, values: readonly string[]): boolean {
  const matcher = matcherOf(expression);
  return values.some((value) => matcher.test(value)) === (expression.operator === '==');
}

function matcherOf({ value }: SwarmExpression): Pattern {
  const source = /^\/(.*)\/$/su.exec(value)?.[1];
  if (source !== undefined) return compilePattern(source);
  if (isPlainText(value) || !value.includes('*')) return { test: (text) => text === value };
  const parts = value.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/gu, '\\$&'));
  return compilePattern(`^${parts.join('.*')}$`);
}

/** The expressions that a container's labels carry. Throws `invalid` for malformed ones. */
export function expressionsOf(labels: Labels): readonly SwarmExpression[] {
  return kinds.flatMap((kind) =>
    listIn(labels, labelOf[kind]).map((text) => parseExpression(kind, text)),
  );
}

/** Whether the container moves to another node when its node is lost. */
export function movesOnNodeFailure(labels: Labels): boolean {
  const text = labels[rescheduleLabel];
  return text !== undefined && listIn(labels, rescheduleLabel).includes('on-node-failure');
}

export interface ExtractedExpressions {
  /** The variables that are none of classic Swarm's. */
  readonly env: readonly string[];
  readonly labels: Labels;
}

/**
 * Moves the variables `constraint:…`, `affinity:…` and `reschedule:…` of a request to the labels
 * that classic Swarm has for them. Throws `invalid` for malformed ones.
 */
export function extractExpressions(env: readonly string[], labels: Labels): ExtractedExpressions {
  const found = new Map<string, string[]>();
  const rest = env.filter((entry) => {
    const matched = /^(constraint|affinity|reschedule):(.*)$/su.exec(entry);
    if (matched === null) return true;
    const [, kind = '', text = ''] = matched;
    const label = kind === 'constraint' || kind === 'affinity' ? labelOf[kind] : rescheduleLabel;
    found.set(label, [...(found.get(label) ?? listIn(labels, label)), text]);
    return false;
  });
  const added = [...found].map(([label, texts]) => [label, JSON.stringify(texts)] as const);
  const all = { ...labels, ...Object.fromEntries(added) };
  expressionsOf(all);
  requirePolicy(all);
  return { env: rest, labels: all };
}

function requirePolicy(labels: Labels): void {
  const policies = listIn(labels, rescheduleLabel);
  const unknown = policies.find((policy) => !reschedulePolicies.includes(policy));
  if (unknown !== undefined) throw new AppError('invalid', `invalid reschedule policy: ${unknown}`);
  if (policies.length > 1) throw new AppError('invalid', 'too many reschedule policies');
}

function listIn(labels: Labels, label: string): readonly string[] {
  const text = labels[label];
  if (text === undefined) return [];
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  } catch {
    // The error below says what is expected.
  }
  throw new AppError('invalid', `label ${label}: must be a JSON array of strings`);
}
