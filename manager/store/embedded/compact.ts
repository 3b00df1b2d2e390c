import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { AppError } from '../../common/base/errors.js';
import { StoreFileWriter } from './file-writer.js';
import { listFiles, storeFileName, scanFiles } from './files.js';

/** Number of lines per batch in a snapshot. */
const batchLines = 1_000;

/**
 * Writes a snapshot of all logs up to `last`, which must be ended, then removes the files it
 * replaces. The snapshot is renamed into place after fsync; a crash before that leaves only a
 * `.new` file, which is ignored.
 */
export async function compactLogs(folder: string, last: number): Promise<void> {
  const files = await listFiles(folder);
  const logs = files.logs.filter(({ number }) => number <= last);
  const lines = new Map<string, string>();
  const { chain } = await scanFiles({ ...files, logs }, (key, value) => {
    if (value === undefined) lines.delete(key);
    else lines.set(key, value);
  });
  const header = { kind: 'snapshot', number: last, after: chain } as const;
  const writer = await StoreFileWriter.create(folder, header);
  try {
    let batch: string[] = [];
    for (const [key, value] of lines) {
      batch.push(`${key}\t${value}\n`);
      if (batch.length < batchLines) continue;
      await writer.append(batch);
      batch = [];
    }
    await writer.append(batch);
    await writer.end();
    await writer.publish();
  } catch (error) {
    await rm(`${writer.path}.new`, { force: true });
    throw error;
  } finally {
    await writer.close();
  }
  const { leftovers } = await listFiles(folder);
  const replaced = leftovers.filter((path) => !path.endsWith('.new'));
  for (const path of replaced) await rm(path, { force: true });
}

/**
 * Runs `compactLogs` in a worker thread, so that writes continue. Aborting terminates the thread and
 * throws `cancelled`.
 */
export async function compactLogsInThread(
  folder: string,
  last: number,
  signal: AbortSignal,
): Promise<void> {
  const name = storeFileName('snapshot', last);
  const throwIfAborted = (): void => {
    if (signal.aborted) throw new AppError('cancelled', `${name}: snapshot was cancelled`);
  };
  throwIfAborted();
  const thread = new Worker(new URL('./compact-main.js', import.meta.url), {
    workerData: { folder, last },
    // Do not inherit the node flags of the process.
    execArgv: [],
  });
  const stop = (): void => {
    void thread.terminate();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [code] = (await once(thread, 'exit')) as [number];
    // A thread that was terminated before it had started exits with 0.
    throwIfAborted();
    if (code === 0) return;
    throw new AppError('unavailable', `${name}: snapshot thread failed with exit code ${code}`);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
