import { AppError } from '../../manager/common/base/errors.js';

/** An object of unknown content, as the JSON dumps of iproute2 are made of. */
export type Fields = Readonly<Record<string, unknown>>;

/** A JSON array of objects; an empty text is an empty array (iproute2 prints nothing then). */
export function parseRecords(text: string, source: string): readonly Fields[] {
  if (text.trim() === '') return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError('internal', `${source} printed no JSON`, { cause: error });
  }
  if (!Array.isArray(value)) throw new AppError('internal', `${source} printed no list`);
  // iproute2 leaves empty objects where it filtered something out.
  return value.filter(isFields);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function fieldsOf(fields: Fields, key: string): Fields {
  const value = fields[key];
  return isFields(value) ? value : {};
}

export function textOf(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  return typeof value === 'string' ? value : undefined;
}

export function numberOf(fields: Fields, key: string): number | undefined {
  const value = fields[key];
  return typeof value === 'number' ? value : undefined;
}

/** Strings in a list; none when it is missing. */
export function textsOf(fields: Fields, key: string): readonly string[] {
  const value = fields[key];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** Objects in a list; none when it is missing. */
export function listOf(fields: Fields, key: string): readonly Fields[] {
  const value = fields[key];
  return Array.isArray(value) ? value.filter(isFields) : [];
}
