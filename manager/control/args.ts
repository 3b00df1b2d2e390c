import type { Decoder, Fields } from '../common/base/decode.js';
import {
  array,
  boolean,
  count,
  decode,
  fields,
  isFields,
  nonEmptyString,
  optional,
  orElse,
  string,
} from '../common/base/decode.js';
import { AppError } from '../common/base/errors.js';

const flag = orElse(boolean, false);
const optionalText = optional(nonEmptyString);
const optionalCount = optional(count);
const texts = orElse(array(string), []);
const object = orElse(fields, {});

/**
 * Typed access to the arguments of a call. A missing or mistyped field throws `invalid` with its
 * name.
 */
export class Args {
  readonly #call: string;
  readonly #fields: Fields;

  constructor(call: string, value: unknown) {
    if (!isFields(value)) throw new AppError('invalid', `${call}: arguments must be an object`);
    this.#call = call;
    this.#fields = value;
  }

  text(key: string): string {
    return this.#read(key, nonEmptyString);
  }

  optionalText(key: string): string | undefined {
    return this.#read(key, optionalText);
  }

  flag(key: string): boolean {
    return this.#read(key, flag);
  }

  /** Non-negative integer; undefined if the field is absent. */
  count(key: string): number | undefined {
    return this.#read(key, optionalCount);
  }

  texts(key: string): readonly string[] {
    return this.#read(key, texts);
  }

  object(key: string): Fields {
    return this.#read(key, object);
  }

  /** Decodes a field with its own decoder. */
  field<Value>(key: string, decoder: Decoder<Value>): Value {
    return this.#read(key, decoder);
  }

  #read<Value>(key: string, decoder: Decoder<Value>): Value {
    return decode(this.#fields[key], (value) => decoder(value, key), this.#call);
  }
}
