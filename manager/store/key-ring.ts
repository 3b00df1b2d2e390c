import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Fields } from '../common/base/decode.js';
import { isFields } from '../common/base/decode.js';
import { AppError, messageOf } from '../common/base/errors.js';

export interface SealingKey {
  /** Public identifier: the first 16 hex digits of the key's SHA-256. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Buffer;
}

function keyOf(bytes: Buffer): SealingKey {
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 16), bytes };
}

/**
 * Key ring of the cluster: the current sealing key and, during a rotation, the previous one. Stored
 * in a separate file with mode 0600, never in the store, as JSON: `{"current": id, "keys": {id:
 * base64}}`.
 */
export class KeyRing {
  readonly path: string;
  #keys = new Map<string, Buffer>();
  #current: SealingKey | undefined;
  /** Id of the key last exported to each manager, by node id. */
  readonly #exported = new Map<string, string>();

  constructor(path: string) {
    this.path = path;
  }

  /** The key that seals new values. Throws `internal` before `load`. */
  get current(): SealingKey {
    if (this.#current !== undefined) return this.#current;
    throw new AppError('internal', 'cluster key: used before it was loaded');
  }

  find(id: string): Buffer | undefined {
    return this.#keys.get(id);
  }

  /**
   * Reads the key file; with `mayCreate`, creates a missing one with a new key. Throws `invalid` if
   * the file is damaged, or missing without `mayCreate`: a new key could not unseal the existing
   * secrets.
   */
  async load({ mayCreate }: { readonly mayCreate: boolean }): Promise<void> {
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw this.#unreadable(error);
      if (mayCreate) {
        await this.addKey();
        return;
      }
      throw new AppError(
        'invalid',
        `cluster key ${this.path}: file is missing, but the store has secrets sealed with it; restore the file from a backup or from another manager (nothing was changed)`,
      );
    }
    this.#read(text);
    await chmod(this.path, 0o600);
  }

  /** Generates a new current key; older keys stay until no secret is sealed with them. */
  async addKey(): Promise<void> {
    const key = keyOf(randomBytes(32));
    await this.#save(key, new Map([...this.#keys, [key.id, key.bytes]]));
  }

  /** Returns the file's text for another manager and records that its node has the current key. */
  exportTo(nodeId: string): string {
    this.#exported.set(nodeId, this.current.id);
    return this.#text();
  }

  /** Whether the manager on this node received the current key. */
  hasCurrentKey(nodeId: string): boolean {
    return this.#exported.get(nodeId) === this.current.id;
  }

  /**
   * Replaces all keys with the export of another ring. Throws `invalid` if `text` is not an export.
   */
  async replaceWith(text: string): Promise<void> {
    // Compare with the file, not the memory: a term of this manager may have written it since.
    const before = await readFile(this.path, 'utf8').catch(() => '');
    this.#read(text);
    if (this.#text() !== before) await this.#save(this.current, this.#keys);
  }

  /** Removes every key but the current one. */
  async keepOnlyCurrent(): Promise<void> {
    if (this.#keys.size <= 1) return;
    const key = this.current;
    await this.#save(key, new Map([[key.id, key.bytes]]));
  }

  #text(): string {
    return textOf(this.current, this.#keys);
  }

  #read(text: string): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw this.#unreadable(error);
    }
    const { current, keys }: Fields = isFields(value) ? value : {};
    if (typeof current !== 'string' || !isFields(keys)) {
      throw this.#unreadable(new Error('field current or keys is missing'));
    }
    const found = new Map<string, Buffer>();
    for (const [id, encoded] of Object.entries(keys)) {
      const key = keyOf(Buffer.from(String(encoded), 'base64'));
      if (key.bytes.length !== 32 || key.id !== id) {
        throw this.#unreadable(new Error(`key ${id} does not match its id`));
      }
      found.set(id, key.bytes);
    }
    const bytes = found.get(current);
    if (bytes === undefined) throw this.#unreadable(new Error(`key ${current} is missing`));
    this.#keys = found;
    this.#current = { id: current, bytes };
  }

  async #save(current: SealingKey, keys: ReadonlyMap<string, Buffer>): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    await replaceFile(this.path, textOf(current, keys));
    this.#keys = new Map(keys);
    this.#current = current;
  }

  #unreadable(cause: unknown): AppError {
    return new AppError(
      'invalid',
      `cluster key ${this.path}: file is invalid: ${messageOf(cause)}; restore it from a backup or from another manager`,
      { cause },
    );
  }
}

function textOf(current: SealingKey, keys: ReadonlyMap<string, Buffer>): string {
  const entries = [...keys].map(([id, bytes]) => [id, bytes.toString('base64')]);
  const value = { current: current.id, keys: Object.fromEntries(entries) as object };
  return `${JSON.stringify(value)}\n`;
}

/** Replaces a file atomically; resolves once file and directory entry are synced to disk. */
async function replaceFile(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
