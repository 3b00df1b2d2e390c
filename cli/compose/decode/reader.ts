import { parseBoolean } from '../interpolation/cast.js';
import { errorAt, type ComposeError } from '../error.js';
import { scalarText } from '../yaml/scalar.js';
import { Float, isList, isMap, newMap, type Path, type Tree, type TreeMap } from '../yaml/tree.js';
import { parseBytes } from './bytes.js';
import { splitCommand } from './command.js';
import { formatDuration, parseComposeDuration } from './duration.js';

/**
 * Reads the fields of one mapping of a canonical tree as types of the model. Methods return
 * undefined for absent values and, unless `keep` is given, for empty ones, which the output omits.
 * They throw ComposeError for a value of the wrong type.
 */
export class MappingReader {
  readonly path: Path;
  readonly #map: TreeMap;
  readonly #root: Tree;
  readonly #absent: boolean;

  constructor(root: Tree, path: Path, map: Tree | undefined) {
    this.#root = root;
    this.path = path;
    this.#absent = !isMap(map);
    this.#map = isMap(map) ? map : newMap();
  }

  /** True if the mapping itself is absent or null, as opposed to empty. */
  isNull(): boolean {
    return this.#absent;
  }

  has(key: string): boolean {
    return this.#map[key] !== undefined && this.#map[key] !== null;
  }

  keys(): string[] {
    return Object.keys(this.#map).filter((key) => !key.startsWith('x-'));
  }

  raw(key: string): Tree | undefined {
    return this.#map[key];
  }

  error(key: string | number, message: string): ComposeError {
    return errorAt(this.#root, [...this.path, key], message);
  }

  text(key: string): string | undefined {
    const value = this.#map[key];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'object' && !(value instanceof Float))
      throw this.error(key, 'must be a string');
    return scalarText(value);
  }

  flag(key: string, keep: 'keep' | 'omit' = 'omit'): boolean | undefined {
    const value = this.#map[key];
    if (value === undefined || value === null) return undefined;
    const flag = typeof value === 'string' ? parseBoolean(value) : value;
    if (typeof flag !== 'boolean') throw this.error(key, 'must be true or false');
    return flag || keep === 'keep' ? flag : undefined;
  }

  integer(key: string, keep: 'keep' | 'omit' = 'omit'): number | undefined {
    const value = this.#map[key];
    if (value === undefined || value === null) return undefined;
    const number =
      value instanceof Float
        ? value.value
        : typeof value === 'string'
          ? this.#numeral(key, value)
          : value;
    if (typeof number === 'bigint' || (typeof number === 'number' && !Number.isFinite(number))) {
      throw this.error(key, `${scalarText(value)} is out of range; use a smaller number`);
    }
    if (typeof number !== 'number' || !Number.isInteger(number))
      throw this.error(key, 'must be an integer');
    return number !== 0 || keep === 'keep' ? number : undefined;
  }

  #numeral(key: string, text: string): number {
    if (!/^[-+]?[0-9]+$/.test(text)) throw this.error(key, `"${text}" is not an integer`);
    const value = Number(text);
    if (!Number.isSafeInteger(value))
      throw this.error(key, `${text} is out of range; use a smaller number`);
    return value;
  }

  /** Reads a number in single precision, as in the model of docker compose. */
  single(key: string): number | undefined {
    const value = this.#map[key];
    if (value === undefined || value === null) return undefined;
    const number = Number(value instanceof Float ? value.value : value);
    if (!Number.isFinite(number)) throw this.error(key, `${scalarText(value)} is not a number`);
    return number === 0 ? undefined : toSingle(number);
  }

  /**
   * Reads an unsigned integer of at most `max`. Docker compose converts no strings in these fields.
   */
  unsigned(key: string, max: number): number | undefined {
    const value = this.#map[key];
    if (typeof value === 'string')
      throw this.error(key, `must be a whole number, not the string "${value}"; remove the quotes`);
    const number = this.integer(key);
    if (number !== undefined && (number < 0 || number > max))
      throw this.error(key, `${String(number)} is out of range; use 0 to ${String(max)}`);
    return number;
  }

  /**
   * Reads a size as a decimal string of bytes. `unlimited` accepts -1 as a string, which `config`
   * prints for a limit without a bound.
   */
  bytes(key: string, unlimited: 'unlimited' | 'bounded' = 'bounded'): string | undefined {
    const value = this.#map[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && Number.isInteger(value))
      return value === 0 ? undefined : String(value);
    if (unlimited === 'unlimited' && value === '-1') return value;
    const bytes = parseBytes(scalarText(value));
    if (bytes === undefined) {
      throw this.error(
        key,
        `"${scalarText(value)}" is not a size; write bytes or a number with b, k, m, g, t or p`,
      );
    }
    return bytes === 0n ? undefined : String(bytes);
  }

  duration(key: string, keep: 'keep' | 'omit' = 'keep'): string | undefined {
    const value = this.#map[key];
    if (value === undefined || value === null) return undefined;
    const nanoseconds = typeof value === 'string' ? parseComposeDuration(value) : undefined;
    if (nanoseconds === undefined) {
      throw this.error(
        key,
        `"${scalarText(value)}" is not a duration; write it as 10s, 1m30s or 1h`,
      );
    }
    return nanoseconds === 0n && keep === 'omit' ? undefined : formatDuration(nanoseconds);
  }

  list(key: string): string[] | undefined {
    const value = this.#map[key];
    if (value === undefined || value === null) return undefined;
    const list = isList(value) ? value.map(scalarText) : [this.text(key) ?? ''];
    return list.length === 0 ? undefined : list;
  }

  /** Reads a mapping or a list of `key=value`; a key without a value is null. */
  pairs(key: string): Record<string, string | null> | undefined {
    const value = this.#map[key];
    const pairs: Record<string, string | null> = Object.create(null) as Record<
      string,
      string | null
    >;
    if (isMap(value)) {
      for (const name of Object.keys(value)) {
        const item = value[name] as Tree;
        pairs[name] = item === null ? null : scalarText(item);
      }
    } else if (isList(value)) {
      for (const [index, item] of value.map(scalarText).entries()) {
        const equals = item.indexOf('=');
        if (/\s$/.test(equals < 0 ? item : item.slice(0, equals))) {
          throw this.child(key).error(index, `variable "${item}" has a space before =; remove it`);
        }
        pairs[equals < 0 ? item : item.slice(0, equals)] =
          equals < 0 ? null : item.slice(equals + 1);
      }
    }
    return Object.keys(pairs).length === 0 ? undefined : sorted(pairs);
  }

  /** Reads like `pairs`, with the empty string for a missing value. */
  strings(key: string): Record<string, string> | undefined {
    const pairs = this.pairs(key);
    if (pairs === undefined) return undefined;
    const strings: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [name, value] of Object.entries(pairs)) strings[name] = value ?? '';
    return strings;
  }

  /** Reads a command: a string is split like a shell command line, without expansion. */
  command(key: string): string[] | null {
    const value = this.#map[key];
    if (value === undefined || value === null) return null;
    if (isList(value)) return value.map(scalarText);
    const words = splitCommand(scalarText(value));
    if (words === undefined) {
      throw this.error(
        key,
        'command line has an unclosed quote or bracket; close it or write a list',
      );
    }
    return words;
  }

  child(key: string | number): MappingReader {
    return new MappingReader(this.#root, [...this.path, key], this.#map[key]);
  }

  /** Reads the mapping at `key` with `read`; undefined if it is absent or null. */
  nested<T>(key: string, read: (reader: MappingReader) => T): T | undefined {
    return this.has(key) ? read(this.child(key)) : undefined;
  }

  /** Reads the list of mappings at `key`. */
  each<T>(key: string, read: (reader: MappingReader) => T): T[] | undefined {
    const value = this.#map[key];
    if (!isList(value) || value.length === 0) return undefined;
    return value.map((item, index) =>
      read(new MappingReader(this.#root, [...this.path, key, index], item)),
    );
  }

  /** Reads the mapping of mappings at `key`, sorted by name. */
  byName<T>(
    key: string,
    read: (reader: MappingReader, name: string) => T,
  ): Record<string, T> | undefined {
    if (!isMap(this.#map[key])) return undefined;
    const inner = this.child(key);
    const result: Record<string, T> = Object.create(null) as Record<string, T>;
    for (const name of Object.keys(inner.#map).sort(byCodeUnit))
      result[name] = read(inner.child(name), name);
    return Object.keys(result).length === 0 ? undefined : result;
  }
}

/** Surrogate pairs do not sort in the order of their UTF-8 bytes. */
const surrogate = /[\ud800-\udfff]/;

/** Compares like Go's `sort.Strings`: by UTF-8 bytes. */
export function byCodeUnit(a: string, b: string): number {
  if (a === b) return 0;
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

export function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  const result: Record<string, T> = Object.create(null) as Record<string, T>;
  for (const key of Object.keys(record).sort(byCodeUnit)) result[key] = record[key] as T;
  return result;
}

/** Removes undefined fields: optional fields of the model are absent, never undefined. */
export function omitUndefined<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) result[key] = value;
  return result as T;
}

/** Returns the shortest decimal that equals the value in single precision. */
function toSingle(value: number): number {
  const single = Math.fround(value);
  for (let digits = 1; digits < 10; digits += 1) {
    const short = Number(single.toPrecision(digits));
    if (Math.fround(short) === single) return short;
  }
  return single;
}
