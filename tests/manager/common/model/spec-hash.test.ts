import test from 'ava';
import { aServiceSpec } from '../../../../fixtures/cluster/build.js';
import type { ServiceOptions } from '../../../../fixtures/cluster/build.js';
import { taskHashOf } from '../../../../manager/common/model/spec-hash.js';

const hashWith = (options: ServiceOptions, forceUpdate = 0): string =>
  taskHashOf(aServiceSpec('web', options), forceUpdate);
const hashWithLabels = (labels: Readonly<Record<string, string>>): string =>
  hashWith({ task: { container: { labels } } });

test('the hash of a spec is the same in every version: an upgrade recreates no container', (t) => {
  t.is(hashWith({}), '1a6d7214c64886791b632d20d7ccf03f');
});

test('a change of the container, its networks, ports or resources changes the hash', (t) => {
  const hashes = [
    hashWith({}),
    hashWith({ task: { container: { image: 'nginx' } } }),
    hashWith({ task: { networks: [{ network: 'demo_front', aliases: [] }] } }),
    hashWith({ task: { ports: [{ target: 80, protocol: 'tcp', mode: 'host' }] } }),
    hashWith({ task: { memoryBytes: 1 } }),
    hashWith({ task: { container: { labels: { tier: 'front' } } } }),
    hashWith({}, 1),
  ];
  t.is(new Set(hashes).size, hashes.length);
});

test('replicas, placement and labels of the service restart no container', (t) => {
  const hash = hashWith({});
  t.is(hashWith({ replicas: 5 }), hash);
  t.is(hashWith({ global: true }), hash);
  t.is(hashWith({ labels: { team: 'blue' } }), hash);
  t.is(hashWith({ task: { placement: { constraints: ['node.role == worker'] } } }), hash);
});

test('labels that only tell the origin of a container restart no container', (t) => {
  const hash = hashWithLabels({ tier: 'front' });
  t.is(
    hashWithLabels({
      tier: 'front',
      'com.docker.compose.depends_on': 'db',
      'com.docker.compose.version': '2.40.0',
      'com.docker.compose.project.working_dir': '/home/me',
    }),
    hash,
  );
  t.not(hashWithLabels({ tier: 'front', 'com.docker.compose.oneoff': 'True' }), hash);
  t.not(hashWithLabels({ tier: 'front', 'com.docker.compose.versions': '1' }), hash);
});
