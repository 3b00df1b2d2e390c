import test from 'ava';
import { aContainer } from '../../../../../fixtures/cluster/build.js';
import {
  effectiveCommand,
  toReference,
} from '../../../../../worker/executor/docker/images/images.js';

test('an image reference is split at its tag, which defaults to latest', (t) => {
  t.deepEqual(toReference('redis'), { fromImage: 'redis', tag: 'latest' });
  t.deepEqual(toReference('redis:7'), { fromImage: 'redis', tag: '7' });
  t.deepEqual(toReference('host:5000/a/b'), { fromImage: 'host:5000/a/b', tag: 'latest' });
  t.deepEqual(toReference('host:5000/a/b:1'), { fromImage: 'host:5000/a/b', tag: '1' });
  t.deepEqual(toReference('a@sha256:00'), { fromImage: 'a@sha256:00' });
});

test('the command of process 1 is composed as in the engine', (t) => {
  const image = {
    ...{ id: '', hasHealthcheck: false, volumes: [] },
    ...{ entrypoint: ['/e'], command: ['c'] },
  };
  t.deepEqual(effectiveCommand(aContainer(), image), ['/e', 'c']);
  t.deepEqual(effectiveCommand(aContainer({ command: ['x'] }), image), ['/e', 'x']);
  t.deepEqual(effectiveCommand(aContainer({ entrypoint: ['/o'] }), image), ['/o']);
  t.deepEqual(effectiveCommand(aContainer({ entrypoint: [], command: ['x'] }), image), ['x']);
});
