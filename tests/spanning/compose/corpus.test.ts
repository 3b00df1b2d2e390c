import test from 'ava';
import {
  verdictError,
  findCorpus,
  isConfigCase,
  compareCase,
  readCases,
  readDifferences,
} from '../../helpers/compose/corpus.js';

/** Every fourth case; `npm run conformance` runs all cases, which takes some seconds. */
const stride = 4;
const corpus = findCorpus();
const run = corpus === undefined ? test.skip : test;

for (const part of ['corpus', 'hostile'] as const) {
  run(
    `the loader agrees with docker compose on the ${part}, except for explained differences`,
    (t) => {
      const differences = readDifferences();
      const cases = readCases(corpus ?? '', part).filter(isConfigCase);
      t.true(cases.length > 100, 'the corpus exists but contains no cases');
      const chosen = cases.filter(({ id }, index) => index % stride === 0 || differences.has(id));
      const complaints = chosen.flatMap(
        (item) => verdictError(item, compareCase(item), differences) ?? [],
      );
      t.deepEqual(complaints, []);
    },
  );
}
