import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const pending = new Set<() => void>();

function runAll(): void {
  for (const cleanUp of [...pending].reverse()) cleanUp();
}

/**
 * Runs `cleanUp`, which must be synchronous, when the process exits, such as on a second interrupt:
 * the newest first. The returned function takes it back.
 */
export function atExit(cleanUp: () => void): () => void {
  if (pending.size === 0) process.once('exit', runAll);
  pending.add(cleanUp);
  return () => {
    pending.delete(cleanUp);
    if (pending.size === 0) process.off('exit', runAll);
  };
}

export interface TemporaryFolder {
  readonly path: string;
  remove(): void;
}

/** A folder for files and sockets of ssh that only this user reads; the process's exit removes it. */
export function temporaryFolder(prefix: string): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), prefix));
  const removeIt = (): void => {
    rmSync(path, { recursive: true, force: true });
  };
  const cancel = atExit(removeIt);
  return {
    path,
    remove: () => {
      cancel();
      removeIt();
    },
  };
}
