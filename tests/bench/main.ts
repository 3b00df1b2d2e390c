import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Benchmark {
  /** One line for the list. */
  readonly about: string;
  /** Prints its figures; throws when it cannot run. */
  run(args: readonly string[]): Promise<void>;
}

const here = dirname(fileURLToPath(import.meta.url));
const support = new Set(['main', 'figures', 'cluster', 'engines', 'name-watcher', 'dns-watch']);

async function benchmarks(): Promise<Map<string, Benchmark>> {
  const names = readdirSync(here)
    .filter((file) => file.endsWith('.js'))
    .map((file) => basename(file, '.js'))
    .filter((name) => !support.has(name));
  const found = new Map<string, Benchmark>();
  for (const name of names) {
    const module = (await import(join(here, `${name}.js`))) as Partial<Benchmark>;
    if (typeof module.run === 'function') {
      found.set(name, { about: module.about ?? '', run: module.run.bind(module) });
    }
  }
  return found;
}

const [name, ...args] = process.argv.slice(2);
const all = await benchmarks();
const chosen = name === undefined ? undefined : all.get(name);
if (chosen === undefined) {
  const list = [...all].map(([key, value]) => `  ${key.padEnd(12)} ${value.about}`).join('\n');
  process.stderr.write(`usage: npm run bench -- NAME\n${list}\n`);
  process.exitCode = name === undefined ? 0 : 1;
} else {
  await chosen.run(args);
}
