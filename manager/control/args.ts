import { AppError } from '../common/base/errors.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Typed access to the arguments of a call. A missing or mistyped field throws `invalid` with its
 * name.
 */
export class Args {
  readonly #call: string;
  readonly #fields: Fields;

  constructor(call: string, value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new AppError('invalid', `${call}: arguments must be an object`);
    }
    this.#call = call;
    this.#fields = value as Fields;
  }

  text(key: string): string {
    const value = this.#fields[key];
    if (typeof value !== 'string' || value === '') throw this.#wrong(key, 'a non-empty string');
    return value;
  }

  optionalText(key: string): string | undefined {
    return this.#fields[key] === undefined ? undefined : this.text(key);
  }

  flag(key: string): boolean {
    const value = this.#fields[key] ?? false;
    if (typeof value !== 'boolean') throw this.#wrong(key, 'a boolean');
    return value;
  }

  /** Non-negative integer; undefined if the field is absent. */
  count(key: string): number | undefined {
    const value = this.#fields[key];
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
      throw this.#wrong(key, 'a non-negative integer');
    }
    return value;
  }

  texts(key: string): readonly string[] {
    const value = this.#fields[key] ?? [];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw this.#wrong(key, 'an array of strings');
    }
    return value;
  }

  /** Array of objects; their fields are not checked here. */
  objects(key: string): readonly Fields[] {
    const value = this.#fields[key] ?? [];
    const isObject = (item: unknown): boolean => typeof item === 'object' && item !== null;
    if (!Array.isArray(value) || !value.every(isObject))
      throw this.#wrong(key, 'an array of objects');
    return value as readonly Fields[];
  }

  object(key: string): Fields {
    const value = this.#fields[key] ?? {};
    if (typeof value !== 'object' || Array.isArray(value)) throw this.#wrong(key, 'an object');
    return value as Fields;
  }

  #wrong(key: string, needed: string): AppError {
    return new AppError('invalid', `${this.#call}: ${key} must be ${needed}`);
  }
}
