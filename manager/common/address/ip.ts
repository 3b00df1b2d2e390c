import { AppError } from '../base/errors.js';

/**
 * An IPv4 address as an unsigned 32-bit number, so that ranges, masks and sets are plain
 * arithmetic. Text is converted at the boundaries only: `parseIp` on input, `formatIp` on output.
 */
export type Ip = number;

const octetPattern = /^(?:0|[1-9]\d{0,2})$/;

/**
 * Parses a dotted quad; undefined if it is malformed. Leading zeros are rejected because some
 * programs read them as octal.
 */
export function tryParseIp(text: string): Ip | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!octetPattern.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    value = value * 256 + octet;
  }
  return value;
}

/** Parses a dotted quad; fails as `invalid`. */
export function parseIp(text: string): Ip {
  const ip = tryParseIp(text);
  if (ip === undefined) throw new AppError('invalid', `"${text}" is not an IPv4 address`);
  return ip;
}

export function formatIp(ip: Ip): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}
