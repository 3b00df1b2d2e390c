import test from 'ava';
import {
  toEngineDescription,
  type EngineInfo,
} from '../../../../worker/executor/docker/engine-description.js';
import { engineRecording } from '../../../helpers/fakes/engine-recording.js';

test('engine facts are read from the info response', (t) => {
  const facts = toEngineDescription(JSON.parse(engineRecording('info.json')) as EngineInfo);
  t.regex(facts.version, /^20\.10/);
  t.true(facts.cpus > 0 && facts.memoryBytes > 2 ** 30);
  t.true(facts.plugins.includes('network/bridge'));
  t.true(facts.plugins.includes('volume/local'));
  t.deepEqual(
    toEngineDescription({ ServerVersion: '1', NCPU: 1, MemTotal: 1, Labels: ['a=b=c', 'd'] })
      .labels,
    { a: 'b=c', d: '' },
  );
});
