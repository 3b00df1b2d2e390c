import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AppError } from '../../base/errors.js';

const program = fileURLToPath(new URL('./read-main.js', import.meta.url));
const deadlineMs = 120_000;

/** Has another process read a whole store. Throws `internal` when it does not live to the end. */
export function readElsewhere(folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [program, folder],
      { timeout: deadlineMs },
      (error, _out, stderr) => {
        if (error === null) {
          resolve();
          return;
        }
        // A crash leaves a line of the library at best, a failure the line our program wrote.
        const last = stderr.trim().split('\n').at(-1) ?? '';
        reject(new AppError('internal', last === '' ? 'reading it ends the process' : last));
      },
    );
  });
}
