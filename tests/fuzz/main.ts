import { fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Figures, FuzzMessage } from './target.js';

/**
 * `npm run fuzz -- TARGET [--minutes N] [--seed N]` attacks one part of the program with malformed
 * input. It prints crashes, the growth of memory and the longest block of the event loop, and exits
 * with 1 after a crash, a block of more than 200 ms or a campaign without an accepted input.
 */
const maxBusyMs = 200;
/** Part of the campaign after which memory counts as growth: caches are full by then. */
const warmUp = 0.25;

const targets = readdirSync(join(import.meta.dirname, 'targets'))
  .filter((file) => file.endsWith('.js'))
  .map((file) => basename(file, '.js'))
  .sort();

interface Outcome {
  readonly crash: Extract<FuzzMessage, { kind: 'crash' }> | undefined;
  readonly samples: readonly Figures[];
}

/** Runs one process until the campaign is over or the process ends. */
function runOnce(target: string, seed: number, seconds: number): Promise<Outcome> {
  const program = join(import.meta.dirname, 'campaign-main.js');
  const child = fork(program, [target, String(seed), String(seconds)]);
  const samples: Figures[] = [];
  let crash: Outcome['crash'];
  let isOver = false;
  child.on('message', (message: FuzzMessage) => {
    if (message.kind === 'figures') samples.push(message.figures);
    else if (message.kind === 'crash') crash = message;
    else isOver = true;
  });
  // A process that hangs is a crash too.
  const deadline = setTimeout(() => child.kill('SIGKILL'), seconds * 1000 + 60_000);
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      clearTimeout(deadline);
      const error = `the process ended with ${signal ?? String(code)}`;
      if (!isOver) crash ??= { kind: 'crash', error, inputs: [] };
      resolve({ crash, samples });
    });
  });
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

function growth(samples: readonly Figures[], key: 'heapBytes' | 'memoryBytes'): string {
  const first = samples[Math.floor(samples.length * warmUp)]?.[key] ?? 0;
  const last = samples.at(-1)?.[key] ?? 0;
  return `${mebibytes(first)} to ${mebibytes(last)} (${mebibytes(last - first)})`;
}

function report({ crash, samples }: Outcome, seed: number): boolean {
  const last = samples.at(-1);
  const busyMs = last?.busyMs ?? 0;
  console.log(`seed        ${String(seed)}`);
  console.log(`inputs      ${String(last?.inputs ?? 0)}, answers ${String(last?.answers ?? 0)}`);
  console.log(`crashes     ${crash === undefined ? 'none' : crash.error}`);
  for (const input of crash?.inputs ?? []) console.log(`  input     ${input}`);
  console.log(`live heap   ${growth(samples, 'heapBytes')}`);
  console.log(`memory      ${growth(samples, 'memoryBytes')}`);
  console.log(
    `event loop  busy for at most ${busyMs.toFixed(0)} ms (limit ${String(maxBusyMs)}), delayed by at most ${(last?.delayMs ?? 0).toFixed(0)} ms`,
  );
  return crash === undefined && busyMs <= maxBusyMs && reachesCode(last);
}

/** False if every input was refused before it reached the code under attack. */
function reachesCode(last: Figures | undefined): boolean {
  const isReached = last !== undefined && last.answers > 0;
  if (!isReached) console.log('answers     none: the inputs do not reach the code under attack');
  return isReached;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string' }, seed: { type: 'string' } },
});
const [target] = positionals;
const minutes = Number(values.minutes ?? 10);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
if (target === undefined || !targets.includes(target) || !(minutes > 0) || !Number.isFinite(seed)) {
  process.stderr.write(
    `usage: npm run fuzz -- TARGET [--minutes N] [--seed N], TARGET one of: ${targets.join(' ')}\n`,
  );
  process.exitCode = 2;
} else {
  console.log(`fuzz ${target}: ${String(minutes)} minutes`);
  if (!report(await runOnce(target, seed, minutes * 60), seed)) process.exitCode = 1;
}
