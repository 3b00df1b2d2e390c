import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError, messageOf } from '../common/base/errors.js';

export interface SealingKey {
  /** Tells keys apart without telling the key: the beginning of its hash. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Buffer;
}

function keyOf(bytes: Buffer): SealingKey {
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 16), bytes };
}

/**
 * The cluster's key, and while it is replaced the one before: one file of its own, readable by its owner
 * only, never in the store. As JSON: `{"current": id, "keys": {id: base64}}`.
 */
export class KeyRing {
  readonly path: string;
  #keys = new Map<string, Buffer>();
  #current: SealingKey | undefined;
  /** The key that each other manager got last. */
  readonly #given = new Map<string, string>();

  constructor(path: string) {
    this.path = path;
  }

  /** The key that seals. Throws `internal` before `load`. */
  get current(): SealingKey {
    if (this.#current !== undefined) return this.#current;
    throw new AppError('internal', 'the cluster key is used before it was read');
  }

  find(id: string): Buffer | undefined {
    return this.#keys.get(id);
  }

  /**
   * Reads the file; makes one with a new key when there is none and `mayCreate`. Throws `invalid` for a
   * damaged file, and for a missing one that must be there: a new key would open nothing.
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
        `the cluster key ${this.path} is missing, and the store has secrets sealed with it: bring that file from a backup or from another manager; nothing was changed`,
      );
    }
    this.#read(text);
    await chmod(this.path, 0o600);
  }

  /** Makes a new key the current one; the others stay until nothing is sealed with them. */
  async addKey(): Promise<void> {
    const key = keyOf(randomBytes(32));
    await this.#save(key, new Map([...this.#keys, [key.id, key.bytes]]));
  }

  /** The file's text, for the manager on this node. */
  exportTo(nodeId: string): string {
    this.#given.set(nodeId, this.current.id);
    return this.#text();
  }

  /** Whether the manager on this node has been given the current key. */
  isGivenTo(nodeId: string): boolean {
    return this.#given.get(nodeId) === this.current.id;
  }

  /** Takes what another ring has exported in place of what is here. Throws `invalid` for anything else. */
  async adopt(text: string): Promise<void> {
    // The file, not what is in memory: a term of this manager's own may have written it since.
    const before = await readFile(this.path, 'utf8').catch(() => '');
    this.#read(text);
    if (this.#text() !== before) await this.#save(this.current, this.#keys);
  }

  /** Forgets every key but the current one. */
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
    const { current, keys } = (value ?? {}) as { current?: unknown; keys?: unknown };
    if (typeof current !== 'string' || typeof keys !== 'object' || keys === null) {
      throw this.#unreadable(new Error('current or keys is missing'));
    }
    const found = new Map<string, Buffer>();
    for (const [id, encoded] of Object.entries(keys)) {
      const key = keyOf(Buffer.from(String(encoded), 'base64'));
      if (key.bytes.length !== 32 || key.id !== id) {
        throw this.#unreadable(new Error(`key ${id} is not what its id says`));
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
      `the cluster key ${this.path} cannot be used: ${messageOf(cause)}; bring that file from a backup or from another manager`,
      { cause },
    );
  }
}

function textOf(current: SealingKey, keys: ReadonlyMap<string, Buffer>): string {
  const entries = [...keys].map(([id, bytes]) => [id, bytes.toString('base64')]);
  const value = { current: current.id, keys: Object.fromEntries(entries) as object };
  return `${JSON.stringify(value)}\n`;
}

/** On disk, with the folder's entry, before anything is sealed with a key that could be lost. */
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
