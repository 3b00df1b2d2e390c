import { createHash } from 'node:crypto';
import test from 'ava';
import { firstVolumeSeed } from './mutations.js';
import { simulate } from './simulate.js';
import { eventKinds, Tally, userActionKinds, volumeActionKinds } from './tally.js';

const batches = 8;
const seedsPerBatch = 25;
const total = new Tally();

for (let batch = 0; batch < batches; batch += 1) {
  const first = batch * seedsPerBatch + 1;
  const last = first + seedsPerBatch - 1;
  test.serial(
    `no invariant is violated and the cluster converges, seeds ${first} to ${last}`,
    async (t) => {
      t.timeout(300_000);
      for (let seed = first; seed <= last; seed += 1) {
        const { violations, tally } = await simulate(seed);
        const replay = `npm run simulate -- --seed ${seed} --history`;
        t.deepEqual(violations, [], `seed ${seed} failed, replay with: ${replay}`);
        total.add(tally);
      }
    },
  );
}

test.serial('every kind of event occurs in these seeds', (t) => {
  const missing = [...eventKinds, ...userActionKinds].filter((kind) => total.countOf(kind) === 0);
  t.deepEqual(missing, []);
});

test('the slots of services keep their anonymous volumes', async (t) => {
  t.timeout(300_000);
  const tally = new Tally();
  for (let seed = firstVolumeSeed; seed < firstVolumeSeed + 25; seed += 1) {
    const run = await simulate(seed);
    t.deepEqual(run.violations, [], `seed ${seed}`);
    tally.add(run.tally);
  }
  t.deepEqual(
    volumeActionKinds.filter((kind) => tally.countOf(kind) === 0),
    [],
  );
});

/** Seeds that failed once, by mistakes that are fixed. */
const regressions = [
  [42, 'a returning node does not run replaced tasks beside their replacements'],
  [200101, 'a restarted engine does not start stopped tasks'],
  [200164, 'a start in flight does not go on after its task has ended'],
  [200170, 'followers leave room on their node for an absent leader'],
  [200561, 'a returning node frees a host port before it starts the next task on it'],
] as const;
for (const [seed, behavior] of regressions) {
  test(`${behavior}, seed ${seed}`, async (t) => {
    t.deepEqual((await simulate(seed)).violations, []);
  });
}

function traceOf(history: readonly string[]): string {
  return createHash('sha256').update(history.join('\n')).digest('hex');
}

test('a seed replays exactly, with one manager on disk and with several on consul', async (t) => {
  for (const seed of [11, 12]) {
    const [first, second] = [await simulate(seed), await simulate(seed)];
    t.true(first.history.length > 20);
    t.is(traceOf(first.history), traceOf(second.history));
    t.is(first.steps, second.steps);
  }
});

test('managers crash in mid-write or are cut off from consul', async (t) => {
  const { history } = await simulate(12);
  t.true(history.some((line) => /manager-\d crashes/.test(line)));
  t.true(history.some((line) => /manager-\d is cut off from consul/.test(line)));
});
