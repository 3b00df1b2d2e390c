import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';

/**
 * One JSON value on disk, replaced whole: after a power cut it is the old or the new one. Readable by its
 * owner only. Saves asked for while one is under way become one.
 */
export class DurableFile<Value> {
  readonly #path: string;
  readonly #log: Logger;
  #next: { readonly value: Value } | undefined;
  #writing: Promise<void> | undefined;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  /** Undefined when there is none yet, or nothing that can be read as one. */
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
      return JSON.parse(text) as Value;
    } catch (error) {
      this.#log.error(`${this.#path} is damaged and left aside: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Resolves when this value, or a later one, is safely on disk. */
  async save(value: Value): Promise<void> {
    this.#next = { value };
    // The running write may already have taken an older value: wait for the one after it.
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
    // Collects what the same tick asks for.
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
  const fresh = `${path}.new`;
  const file = await open(fresh, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
