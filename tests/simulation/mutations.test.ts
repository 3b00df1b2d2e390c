import test from 'ava';
import { mutations } from './mutations.js';
import { simulate } from './simulate.js';

/** As many as the simulation itself is run with. */
const seeds = 200;

for (const mutation of mutations) {
  const { name, shows, from = 1 } = mutation;
  test(`the simulation finds ${name}`, async (t) => {
    t.timeout(600_000);
    for (let tried = 0; tried < seeds; tried += 1) {
      const { violations } = await simulate(from + tried, mutation);
      if (!violations.some((line) => shows.test(line))) continue;
      t.pass();
      return;
    }
    t.fail(`none of ${seeds} seeds shows it`);
  });
}
