import type { FileHandle } from 'node:fs/promises';
import { open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FileHeader } from './files.js';
import { storeFileName } from './files.js';
import type { LogFrameKind } from './frames.js';
import { encodeLogFrame, firstLine } from './frames.js';

/** Maximum text length of a frame; larger batches are split. */
const frameTextLength = 2 * 1_024 * 1_024;

/** Fsyncs a folder, so that created and renamed entries survive power loss. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writer of a log or snapshot file. Appended data is durable only after `sync`. */
export class StoreFileWriter {
  readonly path: string;
  readonly #file: FileHandle;
  #at: number;
  #chain: number;

  private constructor(path: string, file: FileHandle, at: number, chain: number) {
    this.path = path;
    this.#file = file;
    this.#at = at;
    this.#chain = chain;
  }

  /** Creates a file as `<name>.new` with its header; `publish` renames it into place. */
  static async create(folder: string, header: FileHeader): Promise<StoreFileWriter> {
    const path = join(folder, storeFileName(header.kind, header.number));
    const file = await open(`${path}.new`, 'w', 0o600);
    const writer = new StoreFileWriter(path, file, 0, 0);
    try {
      const first = encodeLogFrame('header', JSON.stringify(header), 0);
      await writer.#put(Buffer.concat([Buffer.from(firstLine), first.bytes]));
      writer.#chain = first.chain;
      return writer;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Reopens a file for appending after its last valid frame at `at`; truncates the rest. */
  static async resume(path: string, at: number, chain: number): Promise<StoreFileWriter> {
    const file = await open(path, 'r+');
    const writer = new StoreFileWriter(path, file, at, chain);
    try {
      await file.truncate(at);
      await file.datasync();
      return writer;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get bytes(): number {
    return this.#at;
  }

  get chain(): number {
    return this.#chain;
  }

  /** Fsyncs the file and renames it to its final name. */
  async publish(): Promise<void> {
    await this.#file.sync();
    await rename(`${this.path}.new`, this.path);
    await syncFolder(dirname(this.path));
  }

  /** Appends lines as one batch. */
  async append(lines: readonly string[]): Promise<void> {
    let text = '';
    for (const line of lines) {
      if (text !== '' && text.length + line.length > frameTextLength) {
        await this.#frame('more', text);
        text = '';
      }
      text += line;
    }
    await this.#frame('batch', text);
  }

  sync(): Promise<void> {
    return this.#file.datasync();
  }

  /** Returns a function that truncates the file back to the current position. */
  mark(): () => Promise<void> {
    const [at, chain] = [this.#at, this.#chain];
    return async () => {
      await this.#file.truncate(at);
      await this.#file.datasync();
      this.#at = at;
      this.#chain = chain;
    };
  }

  /** Appends the end frame; call `sync` afterwards. */
  end(): Promise<void> {
    return this.#frame('end', '');
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #frame(kind: LogFrameKind, text: string): Promise<void> {
    const { bytes, chain } = encodeLogFrame(kind, text, this.#chain);
    await this.#put(bytes);
    this.#chain = chain;
  }

  async #put(bytes: Buffer): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const left = bytes.length - done;
      const { bytesWritten } = await this.#file.write(bytes, done, left, this.#at + done);
      done += bytesWritten;
    }
    this.#at += bytes.length;
  }
}
