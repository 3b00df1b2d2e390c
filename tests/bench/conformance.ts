import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  findCorpus,
  judge,
  readCases,
  recorded,
  runCase,
  type CorpusCase,
} from '../helpers/compose-corpus.js';

/** `npm run conformance [-- FILTER]`: agreement with docker compose 2.40.3 by source, then the differences. */
const corpus = findCorpus();
if (corpus === undefined) {
  console.log('no compose corpus beside the project, nothing to compare with (set COMPOSE_CORPUS)');
} else {
  const filter = process.argv[2] ?? '';
  for (const part of ['corpus', 'hostile'] as const)
    report(
      part,
      readCases(corpus, part).filter((test) => test.id.includes(filter)),
    );
}

function report(part: string, cases: readonly CorpusCase[]): void {
  const bySource = new Map<string, { agree: number; all: number }>();
  const differences: string[] = [];
  const counts = { positions: 0, refusals: 0, hashes: 0, services: 0, slowMs: 0 };
  for (const test of cases) {
    if (test.command[0] !== 'config') continue;
    const started = performance.now();
    const verdict = judge(test);
    counts.slowMs = Math.max(counts.slowMs, performance.now() - started);
    const source = part === 'hostile' ? 'hostile' : (test.id.split('/')[1] ?? '');
    const row = bySource.get(source) ?? { agree: 0, all: 0 };
    row.all += 1;
    if (verdict.kind === 'agree') row.agree += 1;
    else
      differences.push(
        `  ${test.id}: ${verdict.kind}: ${'detail' in verdict ? verdict.detail : ''}`,
      );
    bySource.set(source, row);
    if (verdict.message !== undefined) {
      counts.refusals += 1;
      if (/:\d+:\d+: /.test(verdict.message)) counts.positions += 1;
      else if (process.argv[3] === 'positions') console.log('  no position:', verdict.message);
    }
    countHashes(test, counts, differences);
  }
  for (const [source, { agree, all }] of [...bySource].sort())
    console.log(`${source.padEnd(32)} ${String(agree).padStart(4)} of ${String(all).padStart(4)}`);
  const [agree, all] = [...bySource.values()].reduce(
    ([a, b], row) => [a + row.agree, b + row.all],
    [0, 0],
  );
  for (const line of differences.slice(0, 400)) console.log(line);
  console.log(
    `${part}: ${String(agree)} of ${String(all)} agree (${((100 * agree) / Math.max(1, all)).toFixed(1)} %)`,
  );
  console.log(
    `${part}: ${String(counts.positions)} of ${String(counts.refusals)} refusals carry file:line:column`,
  );
  console.log(
    `${part}: ${String(counts.hashes)} of ${String(counts.services)} config hashes are equal`,
  );
  console.log(`${part}: slowest case ${counts.slowMs.toFixed(0)} ms`);
}

function countHashes(
  test: CorpusCase,
  counts: { hashes: number; services: number },
  differences: string[],
): void {
  if (!existsSync(join(test.folder, 'expected.hash')) || test.exit !== 0) return;
  const movable = servicesWithPaths(test);
  const wanted = recorded(test, 'expected.hash')
    .trim()
    .split('\n')
    .filter((line) => !movable.has(line.split(' ')[0] ?? ''));
  counts.services += wanted.length;
  try {
    const got = new Set(
      runCase({ ...test, command: ['config', '--hash', '*'] })
        .replaceAll(test.folder, '{{CASE}}')
        .trim()
        .split('\n'),
    );
    const equal = wanted.filter((line) => got.has(line)).length;
    counts.hashes += equal;
    if (equal < wanted.length)
      differences.push(`  ${test.id}: hash: ${String(equal)} of ${String(wanted.length)}`);
  } catch (error) {
    differences.push(`  ${test.id}: hash: ${String(error)}`);
  }
}

/** Services whose hash covers a path of the case: it was recorded in a folder that is not known. */
function servicesWithPaths(test: CorpusCase): ReadonlySet<string> {
  try {
    const text = runCase({
      ...test,
      command: ['config', '--no-env-resolution', '--format', 'json'],
    });
    const { services } = JSON.parse(text) as { services: Record<string, Record<string, unknown>> };
    const names = Object.keys(services).filter((name) => {
      const { build: _build, ...hashed } = services[name] ?? {};
      return JSON.stringify(hashed).includes(test.folder);
    });
    return new Set(names);
  } catch {
    return new Set();
  }
}
