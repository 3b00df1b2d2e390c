import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Fields } from '../common/base/decode.js';
import { decode, isFields } from '../common/base/decode.js';
import { AppError } from '../common/base/errors.js';
import type { StoreBackend, DurableWrite } from './backend.js';
import { idOf } from './backend.js';
import type { KeyRing } from './key-ring.js';
import type { TableName } from './store.js';
import { tableDefinition } from './table-definitions.js';

/*
 * Encryption at rest, between the store and its backend: secret values are plaintext in memory and
 * sealed in the backend. AES-256-GCM with a fresh 96-bit nonce for each write (NIST SP 800-38D);
 * table, id and field are authenticated, so a sealed value cannot be moved to another object.
 */

function sealedFieldsOf(table: TableName): readonly string[] {
  return tableDefinition(table).sealedFields ?? [];
}

/** A sealed value. `key` is the key's id; the other fields are base64. */
interface Sealed {
  readonly key: string;
  readonly nonce: string;
  readonly tag: string;
  readonly text: string;
}

type StoredRecord = Awaited<ReturnType<StoreBackend['load']>>[number];

function bindingOf(table: TableName, id: string, field: string): Buffer {
  return Buffer.from(`${table}/${id}/${field}`);
}

function seal(ring: KeyRing, value: string, binding: Buffer): Sealed {
  const nonce = randomBytes(12);
  const { id, bytes } = ring.current;
  const cipher = createCipheriv('aes-256-gcm', bytes, nonce).setAAD(binding);
  const text = Buffer.concat([cipher.update(Buffer.from(value, 'base64')), cipher.final()]);
  return {
    key: id,
    nonce: nonce.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    text: text.toString('base64'),
  };
}

function isSealed(value: unknown): value is Sealed {
  return (
    isFields(value) &&
    [value.key, value.nonce, value.tag, value.text].every((part) => typeof part === 'string')
  );
}

function open(ring: KeyRing, sealed: Sealed, binding: Buffer): string {
  const key = ring.find(sealed.key);
  if (key === undefined) {
    throw new AppError(
      'invalid',
      `${binding.toString()}: sealed with key ${sealed.key}, which is not in ${ring.path}; restore that file from a backup or from another manager (nothing was changed)`,
    );
  }
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(sealed.nonce, 'base64'), {
      authTagLength: 16,
    })
      .setAAD(binding)
      .setAuthTag(Buffer.from(sealed.tag, 'base64'));
    const bytes = Buffer.concat([
      decipher.update(Buffer.from(sealed.text, 'base64')),
      decipher.final(),
    ]);
    return bytes.toString('base64');
  } catch (error) {
    throw new AppError(
      'invalid',
      `${binding.toString()}: cannot be unsealed with key ${sealed.key}, the value was damaged or moved; restore the store from a backup`,
      { cause: error },
    );
  }
}

function sealWrite(ring: KeyRing, write: DurableWrite): DurableWrite {
  const fields = sealedFieldsOf(write.table);
  if (fields.length === 0 || write.value === undefined) return write;
  const value: Record<string, unknown> = { ...write.value };
  for (const field of fields) {
    const plain = value[field];
    if (typeof plain === 'string') {
      value[field] = seal(ring, plain, bindingOf(write.table, write.id, field));
    }
  }
  return { ...write, value };
}

/** Seals an object's secret fields for a backend. */
export function sealRecord(ring: KeyRing, { table, value }: StoredRecord): StoredRecord {
  return { table, value: sealWrite(ring, { table, id: idOf(value), value }).value ?? value };
}

/** Ids of the keys that seal a stored object's fields; `plain` for an unsealed field. */
function keysOf({ table, value }: StoredRecord): readonly string[] {
  const fields: Fields = { ...value };
  return sealedFieldsOf(table).map((field) => {
    const stored = fields[field];
    return isSealed(stored) ? stored.key : 'plain';
  });
}

function openRecord(ring: KeyRing, { table, value }: StoredRecord): StoredRecord {
  const opened: Record<string, unknown> = { ...value };
  for (const field of sealedFieldsOf(table)) {
    const stored = opened[field];
    if (isSealed(stored)) opened[field] = open(ring, stored, bindingOf(table, idOf(value), field));
  }
  return { table, value: opened };
}

/** Checks an object whose sealed fields are sealed or plain. Throws `invalid` with the field. */
export function checkSealedRecord({ table, value }: StoredRecord, source: string): void {
  const plain: Record<string, unknown> = { ...value };
  for (const field of sealedFieldsOf(table)) if (isSealed(plain[field])) plain[field] = '';
  decode(plain, tableDefinition(table).decoder, source);
}

/**
 * Backend decorator that seals secrets with the ring's current key. `load` creates the ring if no
 * value is sealed yet, and reseals values that are plaintext or sealed with an older key. It throws
 * `invalid` before any write if a key is missing or a value does not match it.
 */
export class SealedBackend implements StoreBackend {
  readonly name: string;
  readonly lost?: NonNullable<StoreBackend['lost']>;
  readonly #backend: StoreBackend;
  readonly #ring: KeyRing;

  constructor(backend: StoreBackend, ring: KeyRing) {
    this.name = backend.name;
    if (backend.lost !== undefined) this.lost = backend.lost;
    this.#backend = backend;
    this.#ring = ring;
  }

  async load(): Promise<readonly StoredRecord[]> {
    const stored = await this.#backend.load();
    const used = new Set(stored.flatMap(keysOf));
    const isFresh = [...used].every((key) => key === 'plain');
    await this.#ring.load({ mayCreate: isFresh });
    const current = this.#ring.current.id;
    const records = stored.map((record) =>
      sealedFieldsOf(record.table).length === 0 ? record : openRecord(this.#ring, record),
    );
    const outdated = records.filter((_record, index) => {
      const keys = keysOf(stored[index] ?? { table: 'cluster', value: {} });
      return keys.some((key) => key !== current);
    });
    if (outdated.length > 0) {
      await this.commit(outdated.map(({ table, value }) => ({ table, id: idOf(value), value })));
    }
    await this.#ring.keepOnlyCurrent();
    return records;
  }

  commit(writes: readonly DurableWrite[]): Promise<void> {
    return this.#backend.commit(writes.map((write) => sealWrite(this.#ring, write)));
  }

  bytes(): number | undefined {
    return this.#backend.bytes?.();
  }

  close(): Promise<void> {
    return this.#backend.close();
  }
}
