import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAppError, messageOf } from '../../manager/common/base/errors.js';

interface Benchmark {
  /** Prints its figures; throws if it cannot run. */
  run(args: readonly string[]): Promise<void>;
}

/** One line for an expected failure or a missing program; undefined for a defect. */
function failureLine(error: unknown): string | undefined {
  if (isAppError(error)) return messageOf(error);
  const { code, path } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' || path === undefined) return undefined;
  return `${path}: not found; install it or create it`;
}

const here = dirname(fileURLToPath(import.meta.url));
const support = new Set(['main', 'figures', 'cluster', 'engines', 'name-watcher', 'dns-watch']);
const names = readdirSync(here)
  .filter((file) => file.endsWith('.js'))
  .map((file) => basename(file, '.js'))
  .filter((name) => !support.has(name))
  .sort();

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  process.stderr.write(`usage: npm run bench -- NAME, one of: ${names.join(' ')}\n`);
  process.exitCode = name === undefined ? 0 : 1;
} else {
  try {
    // Only the chosen benchmark is imported, as some start on import.
    const module = (await import(join(here, `${name}.js`))) as Partial<Benchmark>;
    await module.run?.(args);
  } catch (error) {
    const line = failureLine(error);
    if (line === undefined) throw error;
    process.stderr.write(`bench ${name}: ${line}\n`);
    process.exitCode = 1;
  }
}
