import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { decode, decodeJson, fields, isFields } from '../common/base/decode.js';
import { AppError } from '../common/base/errors.js';
import type { StoreBackend, DurableWrite } from './backend.js';
import { idOf } from './backend.js';
import type { KeyRing } from './key-ring.js';
import type { TableName } from './store.js';
import type { SealedField } from './table-definitions.js';
import { tableDefinition } from './table-definitions.js';

/*
 * Encryption at rest, between the store and its backend: secrets, configs and environment values are
 * plaintext in memory and sealed in the backend. AES-256-GCM with a fresh 96-bit nonce for each write (NIST SP 800-38D);
 * table, id and field are authenticated, so a sealed value cannot be moved to another object.
 */

function sealedFieldsOf(table: TableName): readonly SealedField[] {
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

function seal(ring: KeyRing, plain: Buffer, binding: Buffer): Sealed {
  const nonce = randomBytes(12);
  const { id, bytes } = ring.current;
  const cipher = createCipheriv('aes-256-gcm', bytes, nonce).setAAD(binding);
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
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

function open(ring: KeyRing, sealed: Sealed, binding: Buffer): Buffer {
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
    return Buffer.concat([decipher.update(Buffer.from(sealed.text, 'base64')), decipher.final()]);
  } catch (error) {
    throw new AppError(
      'invalid',
      `${binding.toString()}: cannot be unsealed with key ${sealed.key}, the value was damaged or moved; restore the store from a backup`,
      { cause: error },
    );
  }
}

/** A field's value at rest: sealed, or plain in a store of an earlier version. */
type StoredField =
  | { readonly kind: 'plain'; readonly bytes: Buffer }
  | { readonly kind: 'sealed'; readonly sealed: Sealed }
  /** Absent, or an object without content. */
  | { readonly kind: 'empty' };

function readField({ encoding }: SealedField, value: unknown): StoredField {
  if (encoding === 'base64') {
    if (isSealed(value)) return { kind: 'sealed', sealed: value };
    if (typeof value !== 'string') return { kind: 'empty' };
    return { kind: 'plain', bytes: Buffer.from(value, 'base64') };
  }
  if (!isFields(value) || Object.keys(value).length === 0) return { kind: 'empty' };
  // A variable of the environment may have any name, but it is never an object.
  if (isSealed(value.sealed)) return { kind: 'sealed', sealed: value.sealed };
  return { kind: 'plain', bytes: Buffer.from(JSON.stringify(value)) };
}

function sealedField({ encoding }: SealedField, sealed: Sealed): unknown {
  return encoding === 'base64' ? sealed : { sealed };
}

function plainField({ encoding }: SealedField, bytes: Buffer, at: string): unknown {
  return encoding === 'base64'
    ? bytes.toString('base64')
    : decodeJson(bytes.toString(), fields, at);
}

type Visit = (value: unknown, at: string) => unknown;

/** A copy of `value` with the field below `path` replaced; `value` itself if that is absent. */
function replaceField(
  value: unknown,
  path: readonly string[],
  visit: Visit,
  at: readonly string[] = [],
): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return visit(value, at.join('.'));
  if (key === '*') {
    if (!Array.isArray(value)) return value;
    return value.map((item, index) => replaceField(item, rest, visit, [...at, String(index)]));
  }
  if (!isFields(value) || value[key] === undefined) return value;
  const child = replaceField(value[key], rest, visit, [...at, key]);
  return child === value[key] ? value : { ...value, [key]: child };
}

/** Replaces the sealed fields of an object. */
function replaceFields(
  table: TableName,
  object: object,
  replace: (field: SealedField, value: unknown, binding: Buffer) => unknown,
): object {
  const id = idOf(object);
  return sealedFieldsOf(table).reduce<object>((changed, field) => {
    const visit: Visit = (value, at) => replace(field, value, bindingOf(table, id, at));
    return Object(replaceField(changed, field.path, visit)) as object;
  }, object);
}

function sealWrite(ring: KeyRing, write: DurableWrite): DurableWrite {
  const { table, value } = write;
  if (sealedFieldsOf(table).length === 0 || value === undefined) return write;
  const sealed = replaceFields(table, value, (field, plain, binding) => {
    const stored = readField(field, plain);
    if (stored.kind !== 'plain') return plain;
    return sealedField(field, seal(ring, stored.bytes, binding));
  });
  return { ...write, value: sealed };
}

/** Seals an object's secret fields for a backend. */
export function sealRecord(ring: KeyRing, { table, value }: StoredRecord): StoredRecord {
  return { table, value: sealWrite(ring, { table, id: idOf(value), value }).value ?? value };
}

/** Ids of the keys that seal a stored object's fields; `plain` for an unsealed field. */
function keysOf({ table, value }: StoredRecord): readonly string[] {
  const keys: string[] = [];
  if (sealedFieldsOf(table).length === 0) return keys;
  replaceFields(table, value, (field, stored) => {
    const { kind, ...content } = readField(field, stored);
    if ('sealed' in content) keys.push(content.sealed.key);
    else if (kind === 'plain') keys.push('plain');
    return stored;
  });
  return keys;
}

function openRecord(ring: KeyRing, { table, value }: StoredRecord): StoredRecord {
  const opened = replaceFields(table, value, (field, value_, binding) => {
    const stored = readField(field, value_);
    if (stored.kind !== 'sealed') return value_;
    return plainField(field, open(ring, stored.sealed, binding), binding.toString());
  });
  return { table, value: opened };
}

/** Checks an object whose sealed fields are sealed or plain. Throws `invalid` with the field. */
export function checkSealedRecord({ table, value }: StoredRecord, source: string): void {
  const plain = replaceFields(table, value, (field, stored) => {
    if (readField(field, stored).kind !== 'sealed') return stored;
    return field.encoding === 'base64' ? '' : {};
  });
  decode(plain, tableDefinition(table).decoder, source);
}

/**
 * Backend decorator that seals values with the ring's current key. `load` creates the ring if no
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
      // The replaced values are still in the files of the store.
      await this.#backend.compact?.();
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
