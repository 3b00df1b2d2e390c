import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { decodeJson, type Decoder } from '../../manager/common/base/decode.js';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';

/**
 * A JSON value in a file, replaced atomically: after a power failure the file holds either the old
 * or the new value. Readable by its owner only. Saves requested during a write are coalesced into
 * one.
 */
export class DurableFile<Value> {
  readonly #path: string;
  readonly #decoder: Decoder<Value>;
  readonly #log: Logger;
  #next: { readonly value: Value } | undefined;
  #writing: Promise<void> | undefined;

  constructor(path: string, decoder: Decoder<Value>, log: Logger) {
    this.#path = path;
    this.#decoder = decoder;
    this.#log = log;
  }

  /** Reads the value; undefined if the file is missing or malformed. */
  async load(): Promise<Value | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new AppError('internal', `cannot read ${this.#path}: ${messageOf(error)}`, {
        cause: error,
      });
    }
    try {
      return decodeJson(text, this.#decoder, this.#path);
    } catch (error) {
      this.#log.error(`${messageOf(error)}; the file is ignored`);
      return undefined;
    }
  }

  /** Resolves when this value or a later one is fsynced. */
  async save(value: Value): Promise<void> {
    this.#next = { value };
    // A write in progress may contain an older value: wait for the write after it.
    await this.#writing?.catch(() => undefined);
    await this.#writeNext();
  }

  async #writeNext(): Promise<void> {
    if (this.#next !== undefined) {
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
    }
    await this.#writing;
  }

  async #write(): Promise<void> {
    // Coalesces saves of the same tick.
    await Promise.resolve();
    const next = this.#next;
    this.#next = undefined;
    if (next === undefined) return;
    try {
      await replaceFile(this.#path, JSON.stringify(next.value));
    } catch (error) {
      throw new AppError('internal', `cannot write ${this.#path}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
