import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Machine } from '../../../fixtures/lab/machine.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const rooms = ['cli', 'manager', 'worker', 'network'].map((room) => join('dist', room));

interface LockFile {
  readonly packages: Readonly<
    Record<string, { readonly dev?: boolean; readonly optional?: boolean }>
  >;
}

/** Folders of the packages that the program needs at run time, from the lock file. */
function packages(): readonly string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockFile;
  return Object.entries(lock.packages)
    .filter(
      ([path, { dev }]) =>
        path !== '' && dev !== true && !/node_modules\/.*node_modules/.test(path),
    )
    .map(([path]) => path);
}

/**
 * Copies the compiled program and its packages into a running machine, as machines cannot see a
 * checkout below /tmp. Returns the path of the client in the machine.
 */
export async function copyProgram(machine: Machine): Promise<string> {
  const target = '/srv/shoal';
  mkdirSync(machine.file(target), { recursive: true });
  const paths = ['package.json', ...rooms, ...packages()];
  const pack = spawn('tar', ['-C', root, '--ignore-failed-read', '-cf', '-', ...paths], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const unpack = spawn('tar', ['-C', machine.file(target), '-xf', '-'], {
    stdio: [pack.stdout, 'ignore', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    unpack.once('error', reject);
    unpack.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`copying the program ended with ${String(code)}`));
    });
  });
  return join(target, 'dist/cli/main.js');
}
