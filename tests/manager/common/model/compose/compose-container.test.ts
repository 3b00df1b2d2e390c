import test from 'ava';
import {
  clientSlot,
  composePlace,
} from '../../../../../manager/common/model/compose/compose-container.js';
import { aTaskSpec } from '../../../../../fixtures/cluster/build.js';
import { composeLabels } from '../../../../helpers/stores/compose-containers.js';

test('labels of docker compose give project, service, number and hash', (t) => {
  const place = { project: 'demo', service: 'api', number: 3, configHash: 'abc' };
  t.deepEqual(composePlace(composeLabels(3, 'abc')), place);
});

test('one-off containers, other containers and bad numbers have no place', (t) => {
  const labels = composeLabels(1, 'abc');
  t.is(composePlace({}), undefined);
  t.is(composePlace({ ...labels, 'com.docker.compose.oneoff': 'True' }), undefined);
  for (const number of ['', '0', '-1', '1.5', 'x', '10001']) {
    const bad = { ...labels, 'com.docker.compose.container-number': number };
    t.is(composePlace(bad), undefined);
  }
});

test('a container without a place is in slot 1', (t) => {
  t.is(clientSlot({ task: aTaskSpec() }), 1);
  t.is(clientSlot({ task: aTaskSpec({ container: { labels: composeLabels(4, '') } }) }), 4);
});
