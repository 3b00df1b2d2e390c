import test from 'ava';
import { aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { ContainerSpec } from '../../../../manager/common/model/container.js';
import type { Labels } from '../../../../manager/common/model/meta.js';
import { containerLabels } from '../../../../manager/common/model/container-labels.js';

const owner = { clusterId: 'c1', nodeId: 'n1' };

function labelsOf(container: Partial<ContainerSpec> = {}, borrowed?: readonly string[]): Labels {
  const task = aTask(aService('web', { task: { container } }), 2, { node: 'n1' });
  return containerLabels(task, owner, 'sha256:ab', borrowed);
}

test("a container has docker compose's labels, so that its tools find it", (t) => {
  t.like(labelsOf(), {
    'com.docker.compose.project': 'demo',
    'com.docker.compose.service': 'web',
    'com.docker.compose.oneoff': 'False',
    'com.docker.compose.container-number': '2',
    'com.docker.compose.config-hash': 'config',
    'com.docker.compose.image': 'sha256:ab',
  });
});

test("a container names its cluster, node and task, whatever the service's labels say", (t) => {
  const labels = { 'io.shoal.cluster': 'x', 'io.shoal.task': 'x', 'io.shoal.slot': '9', tier: 'a' };
  t.like(labelsOf({ labels }), {
    tier: 'a',
    'io.shoal.cluster': 'c1',
    'io.shoal.node': 'n1',
    'io.shoal.task': 'web.2',
    'io.shoal.service': 's-web',
    'io.shoal.slot': '2',
  });
});

test('a one-off container keeps the label that marks it', (t) => {
  const name = 'com.docker.compose.oneoff';
  t.is(labelsOf({ labels: { [name]: 'True' } })[name], 'True');
});

test('anonymous volumes of other containers are listed only if there are any', (t) => {
  const name = 'io.shoal.borrowed';
  t.false(Object.hasOwn(labelsOf(), name));
  t.false(Object.hasOwn(labelsOf({}, []), name));
  t.is(labelsOf({}, ['v1'])[name], 'v1');
  t.is(labelsOf({}, ['v1', 'v2'])[name], 'v1,v2');
});

test('the time of renewed volumes is a label only if they were renewed', (t) => {
  const name = 'io.shoal.volumes-renewed';
  t.false(Object.hasOwn(labelsOf(), name));
  t.is(labelsOf({ volumesRenewedAt: 0 })[name], '0');
  t.is(labelsOf({ volumesRenewedAt: 1500 })[name], '1500');
});
