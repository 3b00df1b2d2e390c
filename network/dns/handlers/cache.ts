import type { Clock } from '../../../manager/common/base/clock.js';
import type { DnsHandler, Query } from '../query.js';
import { headerBytes, isTruncated, rcode, rcodeOf, copyForClient, ttlOffsets } from '../wire.js';

interface CacheEntry {
  readonly answer: Buffer;
  readonly ttls: readonly number[];
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
  /** Memory of the entry with its key, about. */
  readonly bytes: number;
}

const maxEntries = 4_096;
/** An answer over TCP has up to 64 KiB, and whoever owns a zone chooses its size. */
const maxBytes = 8 * 1024 * 1024;
/** Memory of an entry besides its texts and lists, about. */
const entryBytes = 512;
/**
 * Upper bound on upstream TTLs, so that a changed external record is picked up within this time.
 */
const maxTtlSeconds = 30;
const maxNegativeTtlSeconds = 5;

/**
 * Caches upstream answers for their TTL, up to a short maximum; concurrent identical queries share
 * one upstream request.
 */
export function cacheHandler(clock: Pick<Clock, 'elapsed'>): DnsHandler {
  const entries = new Map<string, CacheEntry>();
  let bytes = 0;
  const remove = (key: string): void => {
    bytes -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
  };
  /** Evicts the oldest entries first: a Map iterates in insertion order. */
  const evict = (): void => {
    if (entries.size <= maxEntries && bytes <= maxBytes) return;
    for (const key of entries.keys()) {
      if (entries.size <= maxEntries / 2 && bytes <= maxBytes / 2) return;
      remove(key);
    }
  };
  const pendingQueries = new Map<string, Promise<Buffer>>();
  return async (query, next) => {
    const key = keyOf(query);
    const hit = entries.get(key);
    const now = clock.elapsed();
    if (hit && now < hit.expiresAtMs) return serve(hit, query, now);
    const pending = pendingQueries.get(key);
    if (pending) return copyForClient(await pending, query.message, query.question);
    const answer = next();
    pendingQueries.set(key, answer);
    try {
      const entry = toEntry(await answer, key, clock.elapsed());
      remove(key);
      if (entry) {
        entries.set(key, entry);
        bytes += entry.bytes;
      }
      evict();
    } finally {
      pendingQueries.delete(key);
    }
    return answer;
  };
}

/**
 * The cache key covers everything after the header except the spelling of the name, so a query with
 * different EDNS options is a different entry.
 */
function keyOf({ message, name, question, upstreams, transport }: Query): string {
  const suffix = message.toString('latin1', question.end - 4);
  return `${transport} ${upstreams.join()} ${String((message[3] ?? 0) & 0x10)} ${name} ${suffix}`;
}

function toEntry(answer: Buffer, key: string, now: number): CacheEntry | undefined {
  const code = rcodeOf(answer);
  if (isTruncated(answer) || (code !== rcode.noError && code !== rcode.nameError)) return undefined;
  const ttls = ttlOffsets(answer);
  if (ttls === undefined || ttls.length === 0) return undefined;
  const negative = code === rcode.nameError || answer.readUInt16BE(6) === 0;
  const seconds = Math.min(
    negative ? maxNegativeTtlSeconds : maxTtlSeconds,
    ...ttls.map((at) => answer.readUInt32BE(at)),
  );
  if (seconds <= 0) return undefined;
  // A copy, as the answer may be a small part of what was read from a connection.
  const own = Buffer.allocUnsafeSlow(answer.length);
  answer.copy(own);
  return {
    ...{ answer: own, ttls, storedAtMs: now, expiresAtMs: now + seconds * 1_000 },
    bytes: own.length + 8 * ttls.length + 2 * key.length + entryBytes,
  };
}

function serve(hit: CacheEntry, { message, question }: Query, now: number): Buffer {
  const answer = copyForClient(hit.answer, message, question);
  const age = Math.floor((now - hit.storedAtMs) / 1_000);
  for (const at of hit.ttls)
    answer.writeUInt32BE(Math.max(0, hit.answer.readUInt32BE(at) - age), at);
  answer[2] = ((hit.answer[2] ?? 0) & 0xfe) | ((message[2] ?? 0) & 0x01);
  return answer.length >= headerBytes ? answer : hit.answer;
}
