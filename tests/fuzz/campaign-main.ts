import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { seededRandom } from '../../manager/common/base/random.js';
import { LoopWatch } from './loop-watch.js';
import type { FuzzMessage, FuzzTarget } from './target.js';

/**
 * Process of one campaign. Arguments: target, seed, seconds. Sends its figures every two seconds,
 * and an error that nothing caught with the inputs before it.
 */
const [name = '', seed = '1', seconds = '60'] = process.argv.slice(2);
const keptInputs = 16;
const figuresMs = 2_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const watch = new LoopWatch();
const recent: Uint8Array[] = [];
const counts = { inputs: 0, answers: 0 };

function send(message: FuzzMessage): void {
  process.send?.(message);
}

function crash(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const inputs = recent.map((input) => Buffer.from(input).toString('hex'));
  process.send?.({ kind: 'crash', error: text, inputs } satisfies FuzzMessage, () => {
    process.exit(1);
  });
}

function sendFigures(): void {
  watch.stop();
  collectGarbage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { busyMs, delayMs } = watch;
  send({
    kind: 'figures',
    figures: { ...counts, busyMs, delayMs, heapBytes: heapUsed + external, memoryBytes: rss },
  });
  if (counts.inputs > 0) watch.start();
}

process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
const { target } = (await import(join(import.meta.dirname, 'targets', `${name}.js`))) as {
  readonly target: FuzzTarget;
};
const end = performance.now() + Number(seconds) * 1000;
const timer = setInterval(sendFigures, figuresMs);
await target.run({
  random: seededRandom(Number(seed)),
  isOver: () => performance.now() >= end,
  record: (input) => {
    // The start of the code under attack is no block.
    if (counts.inputs === 0) watch.start();
    counts.inputs += 1;
    recent.push(input);
    if (recent.length > keptInputs) recent.shift();
  },
  answered: () => {
    counts.answers += 1;
  },
});
clearInterval(timer);
sendFigures();
send({ kind: 'over' });
process.disconnect();
process.exit(0);
