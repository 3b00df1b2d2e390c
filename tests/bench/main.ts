import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Benchmark {
  /** Prints its figures; throws if it cannot run. */
  run(args: readonly string[]): Promise<void>;
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
  // Only the chosen benchmark is imported, as some start on import.
  const module = (await import(join(here, `${name}.js`))) as Partial<Benchmark>;
  await module.run?.(args);
}
