import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  complaintOf,
  findCorpus,
  isConfigCase,
  judge,
  readCases,
  readDifferences,
  recorded,
  runCase,
  type CorpusCase,
} from '../helpers/compose-corpus.js';

/**
 * `npm run conformance [-- FILTER]`: agreement with docker compose 2.40.3 by source, then the differences
 * that are not explained in fixtures/compose/differences.json. Fails when there is one, or when an
 * explained one is gone.
 */
const corpus = findCorpus();
const differences = readDifferences();
if (corpus === undefined) {
  console.log('no compose corpus beside the project, nothing to compare with (set COMPOSE_CORPUS)');
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
  placed: number;
  refused: number;
  hashes: number;
  services: number;
  slowestMs: number;
}

function report(part: string, cases: readonly CorpusCase[]): void {
  const bySource = new Map<string, { agree: number; all: number }>();
  const complaints: string[] = [];
  const counts: Counts = {
    agree: 0,
    explained: 0,
    placed: 0,
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
    if (countVerdict(test, counts, complaints)) row.agree += 1;
    countHashes(test, counts, complaints);
  }
  for (const [source, { agree, all }] of [...bySource].sort()) {
    console.log(`${source.padEnd(32)} ${String(agree).padStart(4)} of ${String(all).padStart(4)}`);
  }
  for (const complaint of complaints.slice(0, 40)) console.log(`  ${complaint}`);
  if (complaints.length > 0) process.exitCode = 1;
  printCounts(part, cases.length, counts);
}

/** True when the case agrees. */
function countVerdict(test: CorpusCase, counts: Counts, complaints: string[]): boolean {
  const started = performance.now();
  const verdict = judge(test);
  counts.slowestMs = Math.max(counts.slowestMs, performance.now() - started);
  const complaint = complaintOf(test, verdict, differences);
  if (complaint !== undefined) complaints.push(complaint);
  if (differences.has(test.id)) counts.explained += 1;
  if (verdict.message !== undefined) {
    counts.refused += 1;
    if (/:\d+:\d+: /.test(verdict.message)) counts.placed += 1;
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
    `${part}: ${String(counts.placed)} of ${String(counts.refused)} refusals carry file:line:column`,
  );
  if (counts.services > 0)
    console.log(
      `${part}: ${String(counts.hashes)} of ${String(counts.services)} config hashes are equal`,
    );
  console.log(`${part}: the slowest case took ${counts.slowestMs.toFixed(0)} ms`);
}

function countHashes(test: CorpusCase, counts: Counts, complaints: string[]): void {
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
    complaints.push(`${test.id}: ${String(wanted.length - equal)} config hashes differ`);
}

/** Services whose hash covers a path of the case: it was recorded in a folder that is not known. */
function servicesWithPaths(test: CorpusCase): ReadonlySet<string> {
  const text = runCase({ ...test, command: ['config', '--no-env-resolution', '--format', 'json'] });
  const { services } = JSON.parse(text) as { services: Record<string, Record<string, unknown>> };
  const names = Object.keys(services).filter((name) => {
    const { build: _build, ...hashed } = services[name] ?? {};
    return JSON.stringify(hashed).includes(test.folder);
  });
  return new Set(names);
}
