import { AppError } from '../base/errors.js';
import type { Ip } from './ip.js';
import { formatIp, tryParseIp } from './ip.js';

/** A block of addresses; `base` has its host bits cleared. */
export interface Cidr {
  readonly base: Ip;
  /** 0 to 32. */
  readonly prefix: number;
}

/** First and last address of something, both inside. */
export interface AddressRange {
  readonly first: Ip;
  readonly last: Ip;
}

/** Number of addresses in a block of this prefix. */
export function sizeOf(prefix: number): number {
  return 2 ** (32 - prefix);
}

/** `address/prefix`, host bits cleared (as `10.1.2.3/16` names `10.1.0.0/16`); fails as `invalid`. */
export function parseCidr(text: string): Cidr {
  const match = /^([^/]+)\/(\d{1,2})$/.exec(text);
  const ip = tryParseIp(match?.[1] ?? '');
  const prefix = Number(match?.[2]);
  if (ip === undefined || !(prefix <= 32))
    throw new AppError('invalid', `"${text}" is not an IPv4 block like 10.0.0.0/16`);
  return cidrAround(ip, prefix);
}

/** The block of that prefix an address lies in. */
export function cidrAround(ip: Ip, prefix: number): Cidr {
  const size = sizeOf(prefix);
  return { base: Math.floor(ip / size) * size, prefix };
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr.base)}/${cidr.prefix}`;
}

/** Every address of the block, network and broadcast address too. */
export function wholeRange(cidr: Cidr): AddressRange {
  return { first: cidr.base, last: cidr.base + sizeOf(cidr.prefix) - 1 };
}

/** The addresses a host can have: without network and broadcast address, which /31 and /32 do not have. */
export function hostRange(cidr: Cidr): AddressRange {
  const { first, last } = wholeRange(cidr);
  return cidr.prefix >= 31 ? { first, last } : { first: first + 1, last: last - 1 };
}

export function contains(cidr: Cidr, ip: Ip): boolean {
  const { first, last } = wholeRange(cidr);
  return ip >= first && ip <= last;
}

/** Whether `inner` lies wholly in `outer`. */
export function covers(outer: Cidr, inner: Cidr): boolean {
  return outer.prefix <= inner.prefix && contains(outer, inner.base);
}

/** Whether two blocks share an address: of two blocks one covers the other or they are apart. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return covers(a, b) || covers(b, a);
}
