import test from 'ava';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import { parseQueryFilters } from '../../../manager/gateway/filters.js';
import type { PlacedContainer } from '../../../manager/gateway/find-container.js';
import { eventFilters, matchesEvent, toMessage } from '../../../manager/gateway/translate/event.js';
import { parseImage } from '../../../manager/gateway/translate/image-name.js';
import {
  imageFilters,
  matchesImage,
  mergeImages,
} from '../../../manager/gateway/translate/image.js';
import { multiplexed } from '../../../manager/gateway/translate/multiplex.js';
import { networkFilters, matchesNetwork } from '../../../manager/gateway/translate/network.js';
import { toInfo } from '../../../manager/gateway/translate/system.js';
import { volumeFilters, matchesVolume } from '../../../manager/gateway/translate/volume.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type { ClusterEvent } from '../../../manager/common/protocol/control.js';

function filtersOf(
  filters: object,
  known: readonly string[],
): ReturnType<typeof parseQueryFilters> {
  return parseQueryFilters(new URLSearchParams({ filters: JSON.stringify(filters) }), known);
}

const died: ClusterEvent = {
  number: 7,
  at: 1_700_000_000_123,
  type: 'container',
  action: 'die',
  id: 'abc123',
  name: 'demo-web-1',
  attributes: { image: 'redis:7', name: 'demo-web-1', node: 'alpha', exitCode: '3' },
};

test('an event has the fields for old and new clients', (t) => {
  const told = toMessage(died, { tier: 'front' });
  t.like(told, {
    status: 'die',
    id: 'abc123',
    from: 'redis:7',
    Type: 'container',
    Action: 'die',
    scope: 'local',
    time: 1_700_000_000,
    timeNano: 1_700_000_000_123_000_000,
  });
  t.like(told.Actor, { ID: 'abc123' });
  t.like(told.Actor.Attributes, { tier: 'front', exitCode: '3', 'node.name': 'alpha' });
});

for (const [filters, fits] of [
  [{ type: ['container'] }, true],
  [{ type: ['node'] }, false],
  [{ event: ['die', 'stop'] }, true],
  [{ container: ['demo-web-1'] }, true],
  [{ container: ['abc'] }, true],
  [{ container: ['other'] }, false],
  [{ image: ['redis'] }, true],
  [{ label: ['tier=front'] }, true],
  [{ label: ['tier=back'] }, false],
  [{ node: ['alpha'] }, true],
  [{ network: ['demo-web-1'] }, false],
] as const) {
  test(`an event ${fits ? 'passes' : 'is dropped by'} ${JSON.stringify(filters)}`, (t) => {
    const told = toMessage(died, { tier: 'front' });
    t.is(matchesEvent(told, filtersOf(filters, eventFilters)), fits);
  });
}

test('health events match the filter health_status', (t) => {
  const told = toMessage({ ...died, action: 'health_status: unhealthy' }, {});
  t.true(matchesEvent(told, filtersOf({ event: ['health_status'] }, eventFilters)));
});

for (const [text, name, tag] of [
  ['redis', 'redis', ''],
  ['docker.io/library/redis:7', 'redis', '7'],
  ['localhost:5000/a/b', 'localhost:5000/a/b', ''],
  ['localhost:5000/a/b:c@sha256:d', 'localhost:5000/a/b', 'c'],
] as const) {
  test(`image ${text} is ${name} with tag "${tag}"`, (t) => {
    t.like(parseImage(text), { name, tag });
  });
}

test('an image on several nodes is listed once with all its tags', (t) => {
  const image = { Id: 'sha256:1', RepoDigests: null, Created: 5, Labels: null };
  const merged = mergeImages([
    { node: 'alpha', images: [{ ...image, RepoTags: ['web:1'] }] },
    {
      node: 'beta',
      images: [
        { ...image, RepoTags: ['web:1', 'web:2'] },
        { ...image, Id: 'sha256:2', Created: 9, RepoTags: ['<none>:<none>'] },
      ],
    },
  ]);
  t.deepEqual(
    merged.map(({ Id, RepoTags, nodes }) => ({ Id, RepoTags, nodes })),
    [
      { Id: 'sha256:2', RepoTags: [], nodes: ['beta'] },
      { Id: 'sha256:1', RepoTags: ['web:1', 'web:2'], nodes: ['alpha', 'beta'] },
    ],
  );
  const found = (filters: object): readonly string[] =>
    merged
      .filter((item) => matchesImage(item, filtersOf(filters, imageFilters)))
      .map(({ Id }) => Id);
  t.deepEqual(found({ dangling: ['true'] }), ['sha256:2']);
  t.deepEqual(found({ reference: ['we*:2'] }), ['sha256:1']);
  t.deepEqual(found({ reference: ['we'] }), []);
  t.deepEqual(found({ node: ['alpha'] }), ['sha256:1']);
});

test("networks and volumes match docker compose's label filters", (t) => {
  const network = aNetwork('demo_default');
  const byProject = { label: { 'com.docker.compose.project=demo': true } };
  t.true(matchesNetwork(network, filtersOf(byProject, networkFilters), false));
  t.false(matchesNetwork(network, filtersOf({ dangling: ['true'] }, networkFilters), true));
  t.false(matchesNetwork(network, filtersOf({ driver: ['bridge'] }, networkFilters), true));
  const volume = aVolume('demo_data', ['n1']);
  const use = { nodes: ['alpha'], isUsed: true };
  t.true(matchesVolume(volume, filtersOf(byProject, volumeFilters), use));
  t.true(matchesVolume(volume, filtersOf({ node: ['alpha'] }, volumeFilters), use));
  t.false(matchesVolume(volume, filtersOf({ dangling: ['1'] }, volumeFilters), use));
});

test('stdout and stderr chunks are framed', (t) => {
  t.deepEqual(
    [...multiplexed('stderr', Buffer.from('hi\n'))],
    [2, 0, 0, 0, 0, 0, 0, 3, ...Buffer.from('hi\n')],
  );
});

test('info has a block per node in order and totals of the ready nodes', (t) => {
  const task = aTask(aService('web'), 1, { node: 'n2', status: { containerId: 'c1' } });
  const beta = aNode('n2', { name: 'node-2' });
  const placed: PlacedContainer = {
    task: { ...task, nodeId: 'n2' as NodeId, status: { ...task.status, startedAt: 1 } },
    containerId: 'c1',
    node: beta,
  };
  const info = toInfo({
    cluster: { id: 'c', name: 'test', nodeId: 'm', version: '1', strategy: 'spread' },
    host: { arch: 'amd64', kernel: '6', runtime: 'node', hostname: 'h' },
    nodes: [aNode('n10', { name: 'node-10', state: 'down' }), beta],
    containers: [placed],
    images: 3,
    now: 5,
  }) as Readonly<Record<string, unknown>>;
  t.like(info, { Containers: 1, ContainersRunning: 1, NCPU: 4, Images: 3 });
  const lines = info.SystemStatus as readonly (readonly [string, string])[];
  t.deepEqual(
    lines.filter(([key]) => /node-|Status|Containers/.test(key)),
    [
      [' node-2', '192.0.2.1:2376'],
      ['  └ Status', 'Healthy'],
      ['  └ Containers', '1 (1 Running, 0 Paused, 0 Stopped)'],
      [' node-10', '192.0.2.1:2376'],
      ['  └ Status', 'Unhealthy'],
      ['  └ Containers', '0 (0 Running, 0 Paused, 0 Stopped)'],
    ],
  );
});
