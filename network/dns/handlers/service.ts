import type { Endpoint } from '../../../manager/common/model/network-view.js';
import { tryParseIp } from '../../../manager/common/address/ip.js';
import { encodePtrOrSrv } from '../codec.js';
import type { DnsHandler, Query } from '../query.js';
import type { NameIndex } from '../records.js';
import { containerNameOf } from '../records.js';
import type { Records } from '../wire.js';
import { addressRecords, noRecords, rcode, respond, recordType } from '../wire.js';

/** TTL of answers in seconds: the smallest value that still permits caching. */
export const ttlSeconds = 1;

export interface ServiceDirectory {
  index(): NameIndex;
  /** True if answers may include the endpoint now. */
  isUp(endpoint: Endpoint): boolean;
  /** The host's search domains, which a resolver may have appended to a cluster name. */
  searchDomains(): readonly string[];
  /** Returns a number in [0, 1). */
  readonly random: () => number;
}

/**
 * Answers cluster names, and never forwards them, whatever the query type:
 * - No address of the queried type (AAAA, MX …): an empty answer. With NXDOMAIN, resolvers that
 *   query A and AAAA together would drop the addresses of the other answer.
 * - No task up: NXDOMAIN without a TTL. Every resolver takes that as final and returns at once, so
 *   that the program's own retry starts early. On SERVFAIL, musl waits out its timeout of 5 s and
 *   glibc asks twice.
 */
export function serviceHandler(directory: ServiceDirectory): DnsHandler {
  return (query, next) => {
    const { question, message } = query;
    if (question.type === recordType.SRV) return answerSrv(directory, query) ?? next();
    const records = clusterRecords(directory, query);
    if (records === undefined) return next();
    return respond(message, question, records, randomStart(records, directory.random));
  };
}

/**
 * Records for a cluster name, reusable for every client with the same scope; undefined if the name
 * is not a cluster name.
 */
export function clusterRecords(directory: ServiceDirectory, query: Query): Records | undefined {
  const endpoints = lookUp(directory, query.name, query);
  if (endpoints === undefined) return undefined;
  if (query.question.type !== recordType.A && query.question.type !== recordType.ANY)
    return noRecords(rcode.noError);
  const addresses = new Set<number>();
  for (const endpoint of endpoints) {
    const ip = directory.isUp(endpoint) ? tryParseIp(endpoint.address) : undefined;
    if (ip !== undefined) addresses.add(ip);
  }
  if (addresses.size === 0) return noRecords(rcode.nameError);
  return addressRecords(shuffled([...addresses], directory.random), ttlSeconds);
}

/** Picks a random start, so that each record comes first equally often. */
export function randomStart({ count }: Records, random: () => number): number {
  return count < 2 ? 0 : Math.floor(random() * count);
}

/**
 * SRV query `_<port>._tcp.NAME`: one record per endpoint with the queried port. Only numeric ports
 * are supported.
 */
function answerSrv(directory: ServiceDirectory, query: Query): Buffer | undefined {
  const match = /^_([^.]+)\._(?:tcp|udp)\.(.+)$/.exec(query.name);
  const endpoints = lookUp(directory, match?.[2] ?? query.name, query);
  if (endpoints === undefined) return undefined;
  const port = Number(match?.[1]);
  const up = endpoints.filter((endpoint) => directory.isUp(endpoint));
  const validPort = Number.isInteger(port) && port > 0 && port < 65_536;
  const answers = shuffled(validPort ? up : [], directory.random).map((endpoint) => ({
    kind: 'srv' as const,
    target: containerNameOf(endpoint),
    port,
    address: endpoint.address,
  }));
  return encodePtrOrSrv(query, answers, ttlSeconds);
}

function lookUp(
  directory: ServiceDirectory,
  name: string,
  { scope, searchDomains }: Query,
): readonly Endpoint[] | undefined {
  const index = directory.index();
  const found = index.find(name, scope);
  if (found !== undefined) return found;
  const domains = searchDomains.length > 0 ? searchDomains : directory.searchDomains();
  for (const domain of domains) {
    if (!name.endsWith(`.${domain}`)) continue;
    const bare = index.find(name.slice(0, -domain.length - 1), scope);
    if (bare !== undefined) return bare;
  }
  return undefined;
}

/** Fisher-Yates shuffle, in place. */
function shuffled<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    const [a, b] = [items[last], items[other]];
    if (a === undefined || b === undefined) continue;
    items[last] = b;
    items[other] = a;
  }
  return items;
}
