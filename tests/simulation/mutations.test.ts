import test from 'ava';
import { mutations } from './mutations.js';
import { simulate } from './simulate.js';

/** The number of seeds of the simulation test. */
const seeds = 200;

for (const mutation of mutations) {
  const { name, violation: shows, firstSeed: from = 1 } = mutation;
  test(`the simulation detects ${name}`, async (t) => {
    t.timeout(600_000);
    for (let attempt = 0; attempt < seeds; attempt += 1) {
      const { violations } = await simulate(from + attempt, mutation);
      if (!violations.some((line) => shows.test(line))) continue;
      t.pass();
      return;
    }
    t.fail(`none of ${seeds} seeds detects it`);
  });
}
