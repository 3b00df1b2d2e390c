import type { ErrorKind } from './errors.js';
import { AppError, errorKinds, isAppError } from './errors.js';

/** A JSON object of unknown content. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Checks a value that comes from outside this process and returns it with its type: the value itself
 * or a changed copy. Throws `invalid` with the path of the bad field; `at` is the path of the value
 * itself, empty for the root.
 */
export type Decoder<Value> = (value: unknown, at: string) => Value;

/** A decoder for every field of a type; a field may only be left out by its decoder. */
export type Shape<Value> = { readonly [Key in keyof Required<Value>]: Decoder<Value[Key]> };

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The error of a value that is not what a decoder needs. */
export function mustBe(at: string, needed: string): AppError {
  return new AppError('invalid', `${at === '' ? 'the value' : at} must be ${needed}`);
}

/**
 * Decodes a value; errors start with `source`, the file, program or peer it came from, and end with
 * `remedy`, what the user can do.
 */
export function decode<Value>(
  value: unknown,
  decoder: Decoder<Value>,
  source: string,
  remedy = '',
): Value {
  try {
    return decoder(value, unnamed);
  } catch {
    return decodeNamed(value, decoder, source, remedy);
  }
}

/**
 * Path of every field on the first pass: joining paths would cost more than the checks. Only a value
 * that fails is decoded again, with real paths for the message.
 */
const unnamed = '\0';

function decodeNamed<Value>(
  value: unknown,
  decoder: Decoder<Value>,
  source: string,
  remedy: string,
): Value {
  try {
    return decoder(value, '');
  } catch (error) {
    if (!isAppError(error)) throw error;
    throw malformed(source, error.message, remedy, error);
  }
}

/** Decodes JSON text; errors start with `source` and end with `remedy`. */
export function decodeJson<Value>(
  text: string,
  decoder: Decoder<Value>,
  source: string,
  remedy = '',
): Value {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The parser's message quotes the text, which may hold secrets.
    throw malformed(source, 'invalid JSON', remedy, error);
  }
  return decode(value, decoder, source, remedy);
}

function malformed(source: string, fault: string, remedy: string, cause: unknown): AppError {
  const end = remedy === '' ? '' : `; ${remedy}`;
  return new AppError('invalid', `${source}: ${fault}${end}`, { cause });
}

/** Accepts every value. */
export const anything: Decoder<unknown> = (value) => value;

export const string: Decoder<string> = (value, at) => {
  if (typeof value !== 'string') throw mustBe(at, 'a string');
  return value;
};

export const nonEmptyString: Decoder<string> = (value, at) => {
  if (typeof value !== 'string' || value === '') throw mustBe(at, 'a non-empty string');
  return value;
};

/** A string of a branded type, such as an id. */
export function branded<Value extends string>(): Decoder<Value> {
  return (value, at) => nonEmptyString(value, at) as Value;
}

/** A finite number. */
export const number: Decoder<number> = (value, at) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw mustBe(at, 'a number');
  return value;
};

/** A finite number above 0, such as an interval that a timer repeats. */
export const positiveNumber: Decoder<number> = (value, at) => {
  if (number(value, at) <= 0) throw mustBe(at, 'a positive number');
  return number(value, at);
};

export const integer: Decoder<number> = (value, at) => {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw mustBe(at, 'an integer');
  return value;
};

/** A non-negative integer. */
export const count: Decoder<number> = (value, at) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw mustBe(at, 'a non-negative integer');
};

export const boolean: Decoder<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw mustBe(at, 'true or false');
  return value;
};

export const fields: Decoder<Fields> = (value, at) => {
  if (!isFields(value)) throw mustBe(at, 'an object');
  return value;
};

/** One of the given values. */
export function oneOf<const Value extends string | number | boolean | null>(
  ...values: readonly Value[]
): Decoder<Value> {
  return (value, at) => {
    for (const each of values) if (each === value) return each;
    throw mustBe(at, `one of ${values.join(', ')}`);
  };
}

/** The kind of an error; `internal` for a kind that only newer programs know. */
export const errorKind: Decoder<ErrorKind> = (value, at) => {
  const kind = string(value, at);
  return errorKinds.find((known) => known === kind) ?? 'internal';
};

/** A field that may be absent. */
export function optional<Value>(decoder: Decoder<Value>): Decoder<Value | undefined> {
  return (value, at) => (value === undefined ? undefined : decoder(value, at));
}

export function nullable<Value>(decoder: Decoder<Value>): Decoder<Value | null> {
  return (value, at) => (value === null ? null : decoder(value, at));
}

/** Replaces an absent value or null, which is how Go prints an empty list or map. */
export function orElse<Value>(decoder: Decoder<Value>, fallback: Value): Decoder<Value> {
  return (value, at) => (value === undefined || value === null ? fallback : decoder(value, at));
}

/** A field that may be absent or null; both are left out. */
export function optionalOrNull<Value>(decoder: Decoder<Value>): Decoder<Value | undefined> {
  return orElse<Value | undefined>(decoder, undefined);
}

export function array<Item>(item: Decoder<Item>): Decoder<readonly Item[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw mustBe(at, 'an array');
    const seen: readonly unknown[] = value;
    let decoded: Item[] | undefined;
    for (let index = 0; index < seen.length; index += 1) {
      const before = seen[index];
      const after = item(before, at === unnamed ? at : `${at}[${String(index)}]`);
      if (after === before && decoded === undefined) continue;
      // Earlier items are unchanged, so they are items already.
      decoded ??= seen.slice(0, index) as Item[];
      decoded.push(after);
    }
    return decoded ?? (seen as readonly Item[]);
  };
}

/** An object with any keys whose values all have one type. */
export function dictionary<Value>(item: Decoder<Value>): Decoder<Readonly<Record<string, Value>>> {
  return (value, at) => {
    const entries = Object.entries(fields(value, at));
    const decoded = entries.map(([key, each]) => [key, item(each, join(at, key))] as const);
    if (decoded.every(([, after], index) => after === entries[index]?.[1])) {
      return value as Readonly<Record<string, Value>>;
    }
    return Object.fromEntries(decoded);
  };
}

/**
 * An object with the given fields. Unknown fields are kept: a newer program may know them. Copies
 * only if a field's decoder returns another value.
 */
export function object<Value>(shape: Shape<Value>): Decoder<Value> {
  const decoders: readonly (readonly [string, Decoder<unknown>])[] = Object.entries(shape);
  return (value, at) => {
    const seen = fields(value, at);
    let decoded: Record<string, unknown> | undefined;
    for (const [key, decoder] of decoders) {
      const isPresent = Object.hasOwn(seen, key);
      const before = isPresent ? seen[key] : undefined;
      const after = decoder(before, join(at, key));
      if (after === before && (after !== undefined || !isPresent)) continue;
      decoded ??= { ...seen };
      if (after === undefined) Reflect.deleteProperty(decoded, key);
      else decoded[key] = after;
    }
    return (decoded ?? seen) as Value;
  };
}

/** Like `object`, but refuses unknown fields. */
export function exactObject<Value>(shape: Shape<Value>): Decoder<Value> {
  const known = object(shape);
  return (value, at) => {
    const extra = Object.keys(fields(value, at)).find((key) => !Object.hasOwn(shape, key));
    if (extra === undefined) return known(value, at);
    throw new AppError('invalid', `${join(at, extra)} is not a known key; remove it`);
  };
}

/** Converts a decoded value; `convert` throws with `mustBe`. */
export function mapped<From, To>(
  decoder: Decoder<From>,
  convert: (value: From, at: string) => To,
): Decoder<To> {
  return (value, at) => convert(decoder(value, at), at);
}

/** A union of objects that the field `tag` tells apart. */
export function tagged<Tag extends string, Union extends Readonly<Record<Tag, string>>>(
  tag: Tag,
  variants: {
    readonly [Kind in Union[Tag]]: Decoder<Omit<Extract<Union, Readonly<Record<Tag, Kind>>>, Tag>>;
  },
): Decoder<Union> {
  const decoders: Readonly<Record<string, Decoder<unknown>>> = variants;
  return (value, at) => {
    const kind = fields(value, at)[tag];
    const decoder =
      typeof kind === 'string' && Object.hasOwn(decoders, kind) ? decoders[kind] : undefined;
    if (decoder === undefined)
      throw mustBe(join(at, tag), `one of ${Object.keys(decoders).join(', ')}`);
    return decoder(value, at) as Union;
  };
}

function join(at: string, key: string): string {
  if (at === unnamed) return at;
  return at === '' ? key : `${at}.${key}`;
}
