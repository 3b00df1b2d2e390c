import type { DurableWrite } from '../backend.js';
import type { KvOperation } from './client.js';
import { maxOperations, maxRequestBytes } from './client.js';
import { encodeObject, objectKey, partKey, partCountOf } from './keys.js';

/** Last known state of a key in Consul: the index of its last change, and its flags. */
export interface KnownKey {
  readonly index: number;
  readonly flags: number;
}
export type KnownKeys = ReadonlyMap<string, KnownKey>;

/** Every transaction starts with up to two fence checks. */
const fenceOperations = 2;
const maxBatchOperations = maxOperations - fenceOperations;
/** Reserve for the fence checks and the enclosing JSON. */
const spareBytes = 8_192;
const operationBytes = 160;

/**
 * Plans the KV operations for `writes`, each conditional on its key's known index. Keys are
 * relative to the cluster's prefix. Throws `invalid` for an object that is too large.
 */
export function planWrites(
  writes: readonly DurableWrite[],
  known: KnownKeys,
): readonly KvOperation[] {
  const last = new Map(writes.map((write) => [objectKey(write.table, write.id), write]));
  return [...last].flatMap(([key, { value }]) =>
    value === undefined ? planRemove(key, known) : planPut(key, value, known),
  );
}

function planPut(key: string, value: object, known: KnownKeys): readonly KvOperation[] {
  const { parts, flags } = encodeObject(key, value);
  const cas = (target: string, bytes: Buffer, targetFlags: number): KvOperation => ({
    verb: 'cas',
    key: target,
    value: bytes,
    flags: targetFlags,
    index: known.get(target)?.index ?? 0,
  });
  const [first, ...rest] = parts;
  return [
    cas(key, first, flags),
    ...rest.map((bytes, at) => cas(partKey(key, at + 1), bytes, 0)),
    ...removeParts(key, rest.length + 1, known),
  ];
}

function planRemove(key: string, known: KnownKeys): readonly KvOperation[] {
  const entry = known.get(key);
  if (entry === undefined) return [];
  return [{ verb: 'delete-cas', key, index: entry.index }, ...removeParts(key, 1, known)];
}

function removeParts(key: string, from: number, known: KnownKeys): readonly KvOperation[] {
  const count = partCountOf(known.get(key)?.flags ?? 0);
  const operations: KvOperation[] = [];
  for (let part = from; part <= count; part += 1) {
    const entry = known.get(partKey(key, part));
    if (entry === undefined) continue;
    operations.push({ verb: 'delete-cas', key: partKey(key, part), index: entry.index });
  }
  return operations;
}

/** Splits operations into batches that fit one transaction each, in order. */
export function splitOperations(
  operations: readonly KvOperation[],
): readonly (readonly KvOperation[])[] {
  const batches: KvOperation[][] = [];
  let batch: KvOperation[] = [];
  let bytes = spareBytes;
  for (const operation of operations) {
    const size = requestBytes(operation);
    if (
      batch.length === maxBatchOperations ||
      (batch.length > 0 && bytes + size > maxRequestBytes)
    ) {
      batches.push(batch);
      batch = [];
      bytes = spareBytes;
    }
    batch.push(operation);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

function requestBytes(operation: KvOperation): number {
  const value = 'value' in operation ? Math.ceil(operation.value.length / 3) * 4 : 0;
  return value + Buffer.byteLength(operation.key) * 2 + operationBytes;
}
