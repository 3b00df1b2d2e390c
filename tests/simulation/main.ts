import { simulate } from './simulate.js';

/** `npm run simulate -- --seed N --count M [--history]`: prints what failed and exits with 1. */
function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

const first = option('seed', 1);
const count = option('count', 1);
let failed = 0;
let steps = 0;
const began = performance.now();
for (let seed = first; seed < first + count; seed += 1) {
  const result = await simulate(seed);
  steps += result.steps;
  if (process.argv.includes('--history')) console.log(result.history.join('\n'));
  if (result.violations.length === 0) continue;
  failed += 1;
  console.log(`seed ${seed} failed:\n  ${result.violations.slice(0, 6).join('\n  ')}`);
}
const seconds = (performance.now() - began) / 1_000;
console.log(`${count - failed} of ${count} seeds passed, ${steps} steps, ${seconds.toFixed(1)} s`);
process.exitCode = failed === 0 ? 0 : 1;
