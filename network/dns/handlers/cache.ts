import type { Clock } from '../../../manager/common/base/clock.js';
import type { Handler, Query } from '../query.js';
import { headerBytes, isCut, rcode, rcodeOf, readdress, ttlOffsets } from '../wire.js';

interface Kept {
  readonly answer: Buffer;
  readonly ttls: readonly number[];
  readonly sinceMs: number;
  readonly untilMs: number;
}

const maxEntries = 4_096;
/** However long others may keep it: a changed record of the outside is seen after this. */
const maxKeptSeconds = 30;
const maxKeptMissingSeconds = 5;

/** Keeps answers of other servers as long as they say, and not long; asks once for many who ask at once. */
export function cacheHandler(clock: Pick<Clock, 'elapsed'>): Handler {
  const kept = new Map<string, Kept>();
  const asked = new Map<string, Promise<Buffer>>();
  return async (query, next) => {
    const key = keyOf(query);
    const hit = kept.get(key);
    const now = clock.elapsed();
    if (hit && now < hit.untilMs) return serve(hit, query, now);
    const pending = asked.get(key);
    if (pending) return readdress(await pending, query.message, query.question);
    const answer = next();
    asked.set(key, answer);
    try {
      const entry = keep(await answer, clock.elapsed());
      kept.delete(key);
      if (entry) kept.set(key, entry);
      if (kept.size > maxEntries) evict(kept);
    } finally {
      asked.delete(key);
    }
    return answer;
  };
}

/** Everything past the header but the name's spelling: EDNS with its options makes another question. */
function keyOf({ message, name, question, upstreams, transport }: Query): string {
  const rest = message.toString('latin1', question.end - 4);
  return `${transport} ${upstreams.join()} ${String((message[3] ?? 0) & 0x10)} ${name} ${rest}`;
}

function keep(answer: Buffer, now: number): Kept | undefined {
  const code = rcodeOf(answer);
  if (isCut(answer) || (code !== rcode.noError && code !== rcode.nameError)) return undefined;
  const ttls = ttlOffsets(answer);
  if (ttls === undefined || ttls.length === 0) return undefined;
  const missing = code === rcode.nameError || answer.readUInt16BE(6) === 0;
  const seconds = Math.min(
    missing ? maxKeptMissingSeconds : maxKeptSeconds,
    ...ttls.map((at) => answer.readUInt32BE(at)),
  );
  if (seconds <= 0) return undefined;
  return { answer, ttls, sinceMs: now, untilMs: now + seconds * 1_000 };
}

function serve(hit: Kept, { message, question }: Query, now: number): Buffer {
  const answer = readdress(hit.answer, message, question);
  const age = Math.floor((now - hit.sinceMs) / 1_000);
  for (const at of hit.ttls)
    answer.writeUInt32BE(Math.max(0, hit.answer.readUInt32BE(at) - age), at);
  answer[2] = ((hit.answer[2] ?? 0) & 0xfe) | ((message[2] ?? 0) & 0x01);
  return answer.length >= headerBytes ? answer : hit.answer;
}

/** Oldest first: a Map remembers the order things came in. */
function evict(kept: Map<string, Kept>): void {
  for (const key of kept.keys()) {
    if (kept.size <= maxEntries / 2) return;
    kept.delete(key);
  }
}
