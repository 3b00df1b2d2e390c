import { age } from '../paint/text.js';

const labelWidth = 14;

/** A line such as `Name:         web`; none for an empty value. */
export function field(label: string, value: string | number | undefined): readonly string[] {
  return value === undefined || value === ''
    ? []
    : [`${`${label}:`.padEnd(labelWidth)} ${String(value)}`];
}

/** An indented section with a title; nothing if it has no lines. */
export function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, ...lines.map((line) => `  ${line}`)];
}

/** `key=value` lines, sorted by key. */
export function keyValueLines(
  values: Readonly<Record<string, string | null | undefined>>,
): readonly string[] {
  return Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value ?? ''}`);
}

export const ago = (at: number, now: number): string => `${age(now - at)} ago`;
