import { count, decode, isFields, type Fields } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';

/**
 * Parses a JSON array of objects. Empty text is an empty array: iproute2 prints nothing when there
 * is no entry.
 */
export function parseRecords(text: string, source: string): readonly Fields[] {
  if (text.trim() === '') return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError('internal', `${source} printed invalid JSON`, { cause: error });
  }
  if (!Array.isArray(value)) throw new AppError('internal', `${source} did not print a JSON array`);
  // iproute2 prints empty objects for entries that it filtered out.
  return value.filter(isFields);
}

export function objectField(fields: Fields, key: string): Fields {
  const value = fields[key];
  return isFields(value) ? value : {};
}

export function stringField(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  return typeof value === 'string' ? value : undefined;
}

export function numberField(fields: Fields, key: string): number | undefined {
  const value = fields[key];
  return typeof value === 'number' ? value : undefined;
}

/** A non-negative integer field; throws, naming `source`, if it is missing or malformed. */
export function requiredCount(fields: Fields, key: string, source: string): number {
  return decode(fields[key], (value) => count(value, key), source);
}

/** The strings of an array field; empty if the field is missing. */
export function stringListField(fields: Fields, key: string): readonly string[] {
  const value = fields[key];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** The objects of an array field; empty if the field is missing. */
export function objectListField(fields: Fields, key: string): readonly Fields[] {
  const value = fields[key];
  return Array.isArray(value) ? value.filter(isFields) : [];
}
