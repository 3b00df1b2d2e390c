import test from 'ava';
import { aContainer } from '../../../../../fixtures/cluster/build.js';
import { effectiveCommand } from '../../../../../worker/executor/docker/images/local-image.js';

test('the command of process 1 is composed as in the engine', (t) => {
  const image = {
    ...{ id: '', reference: '', isPublished: false, hasHealthcheck: false, volumes: [] },
    ...{ entrypoint: ['/e'], command: ['c'] },
  };
  t.deepEqual(effectiveCommand(aContainer(), image), ['/e', 'c']);
  t.deepEqual(effectiveCommand(aContainer({ command: ['x'] }), image), ['/e', 'x']);
  t.deepEqual(effectiveCommand(aContainer({ entrypoint: ['/o'] }), image), ['/o']);
  t.deepEqual(effectiveCommand(aContainer({ entrypoint: [], command: ['x'] }), image), ['x']);
});
