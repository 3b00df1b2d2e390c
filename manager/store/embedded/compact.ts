import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { AppError } from '../../common/base/errors.js';
import { FileWriter } from './file-writer.js';
import { listFiles, nameOf, scan } from './files.js';

/** Lines of one batch in a snapshot. */
const batchLines = 1_000;

/**
 * Writes a snapshot that stands for all logs up to `last`, which must be ended, then removes what it stands
 * for. It has its name when all of it is on disk; killed before, it leaves nothing that counts.
 */
export async function compact(folder: string, last: number): Promise<void> {
  const files = await listFiles(folder);
  const logs = files.logs.filter(({ number }) => number <= last);
  const lines = new Map<string, string>();
  const { chain } = await scan({ ...files, logs }, (key, value) => {
    if (value === undefined) lines.delete(key);
    else lines.set(key, value);
  });
  const header = { kind: 'snapshot', number: last, after: chain } as const;
  const writer = await FileWriter.create(folder, header);
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
  const made = await listFiles(folder);
  const old = made.leftovers.filter((path) => !path.endsWith('.new'));
  for (const path of old) await rm(path, { force: true });
}

/** Does it in a thread of its own, so that writes go on meanwhile. Ends with it when aborted. */
export async function compactInThread(
  folder: string,
  last: number,
  signal: AbortSignal,
): Promise<void> {
  const thread = new Worker(new URL('./compact-main.js', import.meta.url), {
    workerData: { folder, last },
    // Flags of the process are not for it.
    execArgv: [],
  });
  const stop = (): void => {
    void thread.terminate();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    const [code] = (await once(thread, 'exit')) as [number];
    if (code === 0) return;
    throw new AppError('unavailable', `${nameOf('snapshot', last)} was not made`);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
