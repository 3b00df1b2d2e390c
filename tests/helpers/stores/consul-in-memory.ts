import type { ErrorKind } from '../../../manager/common/base/errors.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import type { DurableWrite, StoreBackend } from '../../../manager/store/backend.js';
import type { KvOperation } from '../../../manager/store/consul/client.js';
import type { ConsulStoreOptions } from '../../../manager/store/consul/consul.js';
import { openConsul } from '../../../manager/store/consul/consul.js';
import { UnknownOutcomeError } from '../../../manager/store/consul/errors.js';
import { MemoryKv } from '../fakes/memory-kv.js';

/** Prefix of the keys of the cluster `test`. */
export const consulRoot = 'shoal/test/';

/** Options of a store of the cluster `test` in `kv`. */
export function consulOptions(kv: MemoryKv, owner = 'm1'): ConsulStoreOptions {
  return { client: kv, prefix: 'shoal', cluster: { id: 'c1', name: 'test' }, owner };
}

/** Opens and loads the store of the cluster `test`; earlier writers are fenced off. */
export async function openInMemory(kv: MemoryKv, owner = 'm1'): Promise<StoreBackend> {
  const backend = await openConsul(consulOptions(kv, owner));
  await backend.load();
  return backend;
}

/** A new store, loaded, whose transactions count from here. */
export async function newInMemory(): Promise<{
  readonly kv: MemoryKv;
  readonly backend: StoreBackend;
}> {
  const kv = new MemoryKv();
  const backend = await openInMemory(kv);
  kv.transactions.length = 0;
  return { kv, backend };
}

/** The objects that the next manager finds; it takes the store over. */
export async function objectsIn(kv: MemoryKv): Promise<readonly object[]> {
  const backend = await openConsul(consulOptions(kv, 'reader'));
  return (await backend.load()).map(({ value }) => value);
}

export function putService(id: string, changes: object = {}): DurableWrite {
  return { table: 'services', id, value: { id, ...changes } };
}

export function removeService(id: string): DurableWrite {
  return { table: 'services', id, value: undefined };
}

/** The message of the AppError of this kind that `work` rejects with. */
export async function refusalOf(kind: ErrorKind, work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isAppError(error) && error.kind === kind) return error.message;
    throw error;
  }
  return '';
}

/** Verb and relative key of each operation. */
export function keysOf(operations: readonly KvOperation[] | undefined): readonly string[] {
  return (operations ?? []).map(({ verb, key }) => `${verb} ${key.slice(consulRoot.length)}`);
}

/** Whether a transaction has keys of a journal. */
export function isJournal(operations: readonly KvOperation[]): boolean {
  return operations.some(({ key }) => key.startsWith(`${consulRoot}journal/`));
}

/** Whether a transaction only raises the fence. */
export function isRaise(operations: readonly KvOperation[]): boolean {
  return operations.length === 1 && operations[0]?.key === `${consulRoot}meta`;
}

/** Loses the answer of a request. */
export function loseAnswer(): never {
  throw new UnknownOutcomeError('no answer', undefined);
}
