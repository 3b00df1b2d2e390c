import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  verdictError,
  findCorpus,
  isConfigCase,
  compareCase,
  readCases,
  readDifferences,
  recorded,
  runCase,
  type CorpusCase,
} from '../helpers/compose/corpus.js';

/**
 * `npm run conformance [-- FILTER]` prints the agreement with docker compose 2.40.3 by source, then
 * the differences that fixtures/compose/differences.json does not explain. Fails if there are any,
 * or if an explained difference is gone.
 */
const corpus = findCorpus();
const differences = readDifferences();
if (corpus === undefined) {
  console.log('compose corpus: not found beside the project; set COMPOSE_CORPUS');
} else {
  const filter = process.argv[2] ?? '';
  for (const part of ['corpus', 'hostile'] as const) {
    report(
      part,
      readCases(corpus, part).filter((test) => isConfigCase(test) && test.id.includes(filter)),
    );
  }
}

interface Counts {
  agree: number;
  explained: number;
  located: number;
  refused: number;
  hashes: number;
  services: number;
  slowestMs: number;
}

function report(part: string, cases: readonly CorpusCase[]): void {
  const bySource = new Map<string, { agree: number; all: number }>();
  const errors: string[] = [];
  const counts: Counts = {
    agree: 0,
    explained: 0,
    located: 0,
    refused: 0,
    hashes: 0,
    services: 0,
    slowestMs: 0,
  };
  for (const test of cases) {
    const source = part === 'hostile' ? part : (test.id.split('/')[1] ?? '');
    const row = bySource.get(source) ?? { agree: 0, all: 0 };
    bySource.set(source, row);
    row.all += 1;
    if (countVerdict(test, counts, errors)) row.agree += 1;
    countHashes(test, counts, errors);
  }
  for (const [source, { agree, all }] of [...bySource].sort()) {
    console.log(`${source.padEnd(32)} ${String(agree).padStart(4)} of ${String(all).padStart(4)}`);
  }
  for (const error of errors.slice(0, 40)) console.log(`  ${error}`);
  if (errors.length > 0) process.exitCode = 1;
  printCounts(part, cases.length, counts);
}

/** Returns true if the case agrees. */
function countVerdict(test: CorpusCase, counts: Counts, errors: string[]): boolean {
  const started = performance.now();
  const verdict = compareCase(test);
  counts.slowestMs = Math.max(counts.slowestMs, performance.now() - started);
  const error = verdictError(test, verdict, differences);
  if (error !== undefined) errors.push(error);
  if (differences.has(test.id)) counts.explained += 1;
  if (verdict.message !== undefined) {
    counts.refused += 1;
    if (/:\d+:\d+: /.test(verdict.message)) counts.located += 1;
  }
  const agrees = verdict.kind === 'agree';
  if (agrees) counts.agree += 1;
  return agrees;
}

function printCounts(part: string, all: number, counts: Counts): void {
  const share = ((100 * counts.agree) / Math.max(1, all)).toFixed(1);
  console.log(
    `${part}: ${String(counts.agree)} of ${String(all)} agree (${share} %), ${String(counts.explained)} differences are explained`,
  );
  console.log(
    `${part}: ${String(counts.located)} of ${String(counts.refused)} refusals carry file:line:column`,
  );
  if (counts.services > 0)
    console.log(
      `${part}: ${String(counts.hashes)} of ${String(counts.services)} config hashes are equal`,
    );
  console.log(`${part}: the slowest case took ${counts.slowestMs.toFixed(0)} ms`);
}

function countHashes(test: CorpusCase, counts: Counts, errors: string[]): void {
  if (test.exit !== 0 || !existsSync(join(test.folder, 'expected.hash'))) return;
  if (differences.has(test.id)) return;
  const movable = servicesWithPaths(test);
  const wanted = recorded(test, 'expected.hash')
    .trim()
    .split('\n')
    .filter((line) => !movable.has(line.split(' ')[0] ?? ''));
  const got = new Set(
    runCase({ ...test, command: ['config', '--hash', '*'] })
      .trim()
      .split('\n'),
  );
  const equal = wanted.filter((line) => got.has(line)).length;
  counts.services += wanted.length;
  counts.hashes += equal;
  if (equal < wanted.length)
    errors.push(`${test.id}: ${String(wanted.length - equal)} config hashes differ`);
}

/**
 * Services whose hash covers a path of the case; the folder of the recording is unknown, so these
 * hashes cannot match.
 */
function servicesWithPaths(test: CorpusCase): ReadonlySet<string> {
  const text = runCase({ ...test, command: ['config', '--no-env-resolution', '--format', 'json'] });
  const { services } = JSON.parse(text) as { services: Record<string, Record<string, unknown>> };
  const names = Object.keys(services).filter((name) => {
    const { build: _build, ...hashed } = services[name] ?? {};
    return JSON.stringify(hashed).includes(test.folder);
  });
  return new Set(names);
}
