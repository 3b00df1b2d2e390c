import test from 'ava';
import { AppError } from '../../manager/common/base/errors.js';
import { silentLogger } from '../helpers/fakes/silent-logger.js';
import { NodeFacts } from '../../worker/node-facts.js';

test('the engine is read once, again on refresh, and its former facts survive an outage', async (t) => {
  const answers = ['27.0.0', '28.0.0', undefined];
  let reads = 0;
  const facts = new NodeFacts({
    settings: { address: '192.0.2.7', labels: {} },
    version: '0',
    log: silentLogger,
    readEngine: () => {
      const version = answers[reads];
      reads += 1;
      return version === undefined
        ? Promise.reject(new AppError('unavailable', 'no engine'))
        : Promise.resolve({ version, cpus: 1, memoryBytes: 1, labels: {}, plugins: [] });
    },
  });
  const { signal } = new AbortController();
  const version = async (): Promise<string> => (await facts.describe(signal)).engineVersion;
  t.is(await version(), '27.0.0');
  t.is(await version(), '27.0.0');
  t.is(reads, 1);
  await facts.refresh(signal);
  t.is(await version(), '28.0.0');
  await facts.refresh(signal);
  t.is(await version(), '28.0.0');
});
