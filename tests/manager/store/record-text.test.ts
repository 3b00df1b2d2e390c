import test from 'ava';
import fc from 'fast-check';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { recordText } from '../../../manager/store/embedded/record-text.js';

test('a record read back is what was written, whatever else shares its spec', (t) => {
  const service = aService('web', { task: { container: { env: { A: '"\\\n' } } } });
  for (const record of [aTask(service, 1), aTask(service, 2), service]) {
    t.deepEqual(JSON.parse(recordText(record)), JSON.parse(JSON.stringify(record)));
  }
});

test('any object gives the JSON of the same value', (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (record, spec) => {
      for (const value of [record, { ...record, spec }, { spec }]) {
        t.deepEqual(JSON.parse(recordText(value)), JSON.parse(JSON.stringify(value)));
      }
    }),
  );
});
