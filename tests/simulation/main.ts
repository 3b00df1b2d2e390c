import { messageOf } from '../../manager/common/base/errors.js';
import { simulate } from './simulate.js';
import { eventKinds, Tally, userActionKinds } from './tally.js';

/*
 * `npm run simulate -- --seed N --count M [--verbose] [--history]` prints each failed seed with the
 * command that replays it, and exits with 1. `--verbose` also prints how often each event occurred,
 * `--history` every commit and fault.
 */
function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}

const first = option('seed', 1);
const count = option('count', 1);
const total = new Tally();
let failed = 0;
let steps = 0;
const began = performance.now();
for (let seed = first; seed < first + count; seed += 1) {
  const violations = await violationsOf(seed);
  if (violations.length === 0) continue;
  failed += 1;
  console.log(`seed ${seed} failed:\n  ${violations.slice(0, 6).join('\n  ')}`);
  console.log(`  replay with: npm run simulate -- --seed ${seed} --history`);
}
if (process.argv.includes('--verbose')) {
  for (const kind of [...eventKinds, ...userActionKinds])
    console.log(`${total.countOf(kind)} × ${kind}`);
}
const seconds = (performance.now() - began) / 1_000;
console.log(`${count - failed} of ${count} seeds passed, ${steps} steps, ${seconds.toFixed(1)} s`);
process.exitCode = failed === 0 ? 0 : 1;

async function violationsOf(seed: number): Promise<readonly string[]> {
  try {
    const result = await simulate(seed);
    steps += result.steps;
    total.add(result.tally);
    if (process.argv.includes('--history')) console.log(result.history.join('\n'));
    return result.violations;
  } catch (error) {
    return [`the simulation itself failed: ${messageOf(error)}`];
  }
}
