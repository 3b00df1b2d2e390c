import { isFields } from '../common/base/decode.js';

/** Arguments that name an object. Others may hold secrets, such as a command line. */
const naming = [
  ...['project', 'service', 'services', 'index', 'image', 'node', 'nodeId', 'name', 'id'],
  ...['path', 'call'],
] as const;

/** Audit line with the objects that the unchecked arguments of a call or stream name. */
export function auditTarget(args: unknown): string {
  if (!isFields(args)) return '';
  return naming
    .flatMap((key) => {
      const text = textOf(args[key]);
      return text === undefined ? [] : [`${key} ${text}`];
    })
    .join(', ');
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (!Array.isArray(value)) return undefined;
  return value.filter((each) => typeof each === 'string').join(' ');
}

/** Replaces characters that break a line or control a terminal: clients choose names freely. */
export function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, '�');
}
