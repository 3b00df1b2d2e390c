import { AppError } from '../base/errors.js';
import type { Ip } from './ip.js';
import { formatIp, tryParseIp } from './ip.js';

/** A block of addresses; `base` has its host bits cleared. */
export interface Cidr {
  readonly base: Ip;
  /** 0 to 32. */
  readonly prefix: number;
}

/** A contiguous range of addresses; `first` and `last` are inclusive. */
export interface AddressRange {
  readonly first: Ip;
  readonly last: Ip;
}

/** Number of addresses in a block of this prefix. */
export function addressCount(prefix: number): number {
  return 2 ** (32 - prefix);
}

/**
 * Parses `address/prefix` and clears the host bits: `10.1.2.3/16` becomes `10.1.0.0/16`. Fails as
 * `invalid`.
 */
export function parseCidr(text: string): Cidr {
  const match = /^([^/]+)\/(\d{1,2})$/.exec(text);
  const ip = tryParseIp(match?.[1] ?? '');
  const prefix = Number(match?.[2]);
  if (ip === undefined || !(prefix <= 32))
    throw new AppError(
      'invalid',
      `"${text}" is not an IPv4 CIDR block; use a form like 10.0.0.0/16`,
    );
  return enclosingCidr(ip, prefix);
}

/** The block of this prefix that contains the address. */
export function enclosingCidr(ip: Ip, prefix: number): Cidr {
  const size = addressCount(prefix);
  return { base: Math.floor(ip / size) * size, prefix };
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr.base)}/${cidr.prefix}`;
}

/** All addresses of the block, including the network and broadcast addresses. */
export function wholeRange(cidr: Cidr): AddressRange {
  return { first: cidr.base, last: cidr.base + addressCount(cidr.prefix) - 1 };
}

/**
 * The usable host addresses: all but the network and broadcast addresses, which /31 and /32 do not
 * have.
 */
export function hostRange(cidr: Cidr): AddressRange {
  const { first, last } = wholeRange(cidr);
  return cidr.prefix >= 31 ? { first, last } : { first: first + 1, last: last - 1 };
}

export function contains(cidr: Cidr, ip: Ip): boolean {
  const { first, last } = wholeRange(cidr);
  return ip >= first && ip <= last;
}

/** True if every address of `inner` is in `outer`. */
export function covers(outer: Cidr, inner: Cidr): boolean {
  return outer.prefix <= inner.prefix && contains(outer, inner.base);
}

/** True if the blocks share an address: two CIDR blocks are either nested or disjoint. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return covers(a, b) || covers(b, a);
}
