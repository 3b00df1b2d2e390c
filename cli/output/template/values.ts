/** A value as Go prints it: `[a b]`, `map[k:v]`, `<nil>`, and `<no value>` for what is not there. */
export function show(value: unknown): string {
  if (value === undefined) return '<no value>';
  if (value === null) return '<nil>';
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, item]) => `${key}:${show(item)}`).join(' ')}]`;
  }
  return JSON.stringify(value);
}

/** Go's rule for conditions: empty values are false. */
export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0) return false;
  return sizeOf(value) !== 0;
}

/** Elements of a list, entries of a map, characters of a text; undefined for anything else. */
export function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  return undefined;
}

/** Negative, zero or positive; texts by code point, all else by number. */
export function compare(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return a === b ? 0 : a < b ? -1 : 1;
  return Number(a) - Number(b);
}
