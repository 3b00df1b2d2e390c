import test from 'ava';
import { simulate } from './simulate.js';

const batches = 8;
const seedsPerBatch = 25;

for (let batch = 0; batch < batches; batch += 1) {
  const first = batch * seedsPerBatch + 1;
  const last = first + seedsPerBatch - 1;
  test(`nothing is violated and all comes to rest as wanted, seeds ${first} to ${last}`, async (t) => {
    t.timeout(300_000);
    for (let seed = first; seed <= last; seed += 1) {
      const { violations } = await simulate(seed);
      const replay = `npm run simulate -- --seed ${seed} --history`;
      t.deepEqual(violations, [], `seed ${seed} failed, replay with: ${replay}`);
    }
  });
}

test('a seed replays exactly, with a disk and with managers that take turns on consul', async (t) => {
  for (const seed of [11, 12]) {
    const [one, two] = [await simulate(seed), await simulate(seed)];
    t.true(one.history.length > 20);
    t.deepEqual(one.history, two.history);
    t.is(one.steps, two.steps);
  }
});

test('managers crash in mid-write and are cut off from consul, and others lead', async (t) => {
  const { history } = await simulate(12);
  t.true(history.some((line) => /manager-\d crashes/.test(line)));
  t.true(history.some((line) => /manager-\d is cut off from consul/.test(line)));
});
