import test from 'ava';
import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import { findContainer, listContainers } from '../../../manager/gateway/find-container.js';
import { toContainer } from '../../../manager/gateway/translate/container.js';
import { withNodeDetails, inspectFromStore } from '../../../manager/gateway/translate/inspect.js';
import { selectContainers } from '../../../manager/gateway/translate/list-filter.js';
import type { NetworkId } from '../../../manager/common/model/ids.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { StoreView } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const redis = aService('redis', {
  task: {
    container: {
      image: 'docker.io/library/redis:7',
      labels: { tier: 'data' },
      mounts: [
        { type: 'volume', source: 'demo_data', target: '/data', readOnly: false, noCopy: false },
      ],
    },
  },
});
const web = aService('web', { replicas: 3, task: { container: { image: 'shop/web' } } });

const ids = {
  redis: 'aaaa1111',
  web1: 'aaaa2222',
  web2: 'bbbb1111',
  old: 'cccc1111',
  lost: 'dddd1111',
};

const tasks: readonly Task[] = [
  aTask(redis, 1, {
    node: 'n1',
    createdAt: 1_000,
    status: { containerId: ids.redis, startedAt: 2_000, health: 'healthy', imageId: 'sha256:abc' },
    attachments: [
      {
        networkId: 'n-demo_default' as NetworkId,
        network: 'demo_default',
        address: '10.1.0.2',
        mac: '02:42:0a:01:00:02',
        aliases: ['redis'],
      },
    ],
  }),
  aTask(web, 1, {
    node: 'n2',
    createdAt: 3_000,
    status: {
      containerId: ids.web1,
      startedAt: 4_000,
      ports: [
        { target: 80, protocol: 'tcp', hostIp: '0.0.0.0', published: 8080 },
        { target: 80, protocol: 'tcp', hostIp: '::', published: 8080 },
      ],
    },
  }),
  aTask(web, 2, {
    node: 'n1',
    createdAt: 4_000,
    status: { containerId: ids.web2, startedAt: 5_000, paused: true },
  }),
  aTask(web, 1, {
    id: 'web.1.old',
    node: 'n1',
    createdAt: 500,
    state: 'failed',
    desired: 'shutdown',
    status: { containerId: ids.old, exitCode: 3 },
  }),
  aTask(web, 3, {
    node: 'n3',
    createdAt: 600,
    status: { containerId: ids.lost, startedAt: 700 },
  }),
  // Not assigned to a node yet, so it has no container.
  aTask(web, 4, { id: 'web.4' }),
];

async function view(): Promise<StoreView> {
  let now = 0;
  const store = await openTestStore({ ...systemClock, now: () => now });
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('n1', { name: 'alpha', address: '192.0.2.1' }));
    tx.create('nodes', aNode('n2', { name: 'beta', address: '192.0.2.2' }));
    tx.create('nodes', aNode('n3', { name: 'gamma', state: 'down' }));
    tx.create('networks', aNetwork('demo_default', { subnet: '10.1.0.0/16' }));
    for (const service of [redis, web]) tx.create('services', service);
  });
  for (const task of tasks) {
    // The store sets the creation time.
    now = task.createdAt;
    await store.update('restore', (tx) => {
      tx.create('tasks', task);
    });
  }
  return store.view;
}

async function listed(
  query: Readonly<Record<string, string>>,
  filters?: object,
): Promise<string[]> {
  const all = await view();
  const asked = new URLSearchParams({
    ...query,
    ...(filters === undefined ? {} : { filters: JSON.stringify(filters) }),
  });
  const found = selectContainers(listContainers(all), asked, { view: all, clusterId: 'c1' });
  return found.map(({ containerId }) => containerId);
}

test('the default list has running containers on reachable nodes, newest first', async (t) => {
  t.deepEqual(await listed({}), [ids.web2, ids.web1, ids.redis]);
  t.deepEqual(await listed({ all: '1' }), [ids.web2, ids.web1, ids.redis, ids.lost, ids.old]);
  t.deepEqual(await listed({ limit: '4' }), [ids.web2, ids.web1, ids.redis, ids.lost]);
});

const filterCases: readonly (readonly [string, object, readonly string[]])[] = [
  ['labels of the spec and of docker compose', { label: { tier: true } }, [ids.redis]],
  ['labels with a value', { label: ['com.docker.compose.service=web'] }, [ids.web2, ids.web1]],
  ['all labels together', { label: ['tier=data', 'com.docker.compose.service=web'] }, []],
  ['names in part', { name: { 'demo-web': true } }, [ids.web2, ids.web1]],
  ['names as a pattern', { name: { '^/demo-web-1$': true } }, [ids.web1]],
  ['beginnings of ids', { id: { bbbb: true } }, [ids.web2]],
  ['states, which implies all', { status: { exited: true } }, [ids.old]],
  ['one state or the other', { status: ['paused', 'exited'] }, [ids.web2, ids.old]],
  ['exit codes', { exited: { '3': true } }, [ids.old]],
  ['health', { health: { healthy: true } }, [ids.redis]],
  ['images by their short name', { ancestor: { redis: true } }, [ids.redis]],
  ['images with a tag that is not theirs', { ancestor: { 'redis:6': true } }, []],
  ['images by the beginning of their id', { ancestor: { abc: true } }, [ids.redis]],
  ['networks', { network: { demo_default: true } }, [ids.redis]],
  ['volumes by name or place', { volume: ['demo_data', '/elsewhere'] }, [ids.redis]],
  ['published ports', { publish: { '8080/tcp': true } }, [ids.web1]],
  ['ranges of ports', { expose: { '70-90': true } }, [ids.web1]],
  ['nodes', { node: { beta: true } }, [ids.web1]],
  ['what was made before', { before: { [ids.web2]: true } }, [ids.web1, ids.redis]],
  ['what was made since', { since: { 'demo-redis-1': true } }, [ids.web2, ids.web1]],
];

for (const [what, filters, expected] of filterCases) {
  test(`containers are filtered by ${what}`, async (t) => {
    t.deepEqual(await listed({}, filters), expected);
  });
}

test('unknown and malformed filters are errors', async (t) => {
  await t.throwsAsync(listed({}, { nosuch: ['x'] }), { message: "invalid filter 'nosuch'" });
  await t.throwsAsync(listed({}, { status: ['flying'] }), {
    message: "invalid filter 'status=flying'",
  });
  await t.throwsAsync(listed({ filters: '{' }), { message: /not valid JSON/ });
  await t.throwsAsync(listed({ limit: '-1' }), { message: /must be a non-negative integer/ });
  await t.throwsAsync(listed({}, { before: ['nosuch'] }), { message: /No such container/ });
});

test('a container is found by ID, name, node/name and unambiguous ID prefix', async (t) => {
  const all = await view();
  const idOf = (reference: string): string => findContainer(all, reference).containerId;
  t.is(idOf(ids.redis), ids.redis);
  t.is(idOf('/demo-redis-1'), ids.redis);
  t.is(idOf('alpha/demo-redis-1'), ids.redis);
  t.is(idOf('bbbb'), ids.web2);
  // Of two containers with the same name, the wanted one is found.
  t.is(idOf('demo-web-1'), ids.web1);
  t.throws(() => idOf('aaaa'), { message: 'container aaaa is ambiguous (2 matches found)' });
  t.throws(() => idOf('nosuch'), { message: 'No such container: nosuch' });
});

test('published ports show the address of their node once', async (t) => {
  const all = await view();
  const item = findContainer(all, 'demo-web-1');
  const shown = toContainer(item, { view: all, clusterId: 'c1', now: 10_000 }) as {
    readonly Ports: unknown;
    readonly Labels: Readonly<Record<string, string>>;
    readonly Status: string;
  };
  t.deepEqual(shown.Ports, [{ IP: '192.0.2.2', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' }]);
  t.is(shown.Labels['com.docker.compose.project'], 'demo');
  t.is(shown.Labels['io.shoal.node.name'], 'beta');
  t.is(shown.Status, 'Up 6 seconds');
});

test('the list shows addresses on overlay networks', async (t) => {
  const all = await view();
  const item = findContainer(all, 'demo-redis-1');
  const shown = toContainer(item, { view: all, clusterId: 'c1', now: 0 }) as {
    readonly NetworkSettings: { readonly Networks: Readonly<Record<string, object>> };
  };
  const endpoint = shown.NetworkSettings.Networks.demo_default as Readonly<Record<string, unknown>>;
  t.is(endpoint.IPAddress, '10.1.0.2');
  t.is(endpoint.IPPrefixLen, 16);
});

test("inspect adds the node and its address to the engine's record", async (t) => {
  const all = await view();
  const item = findContainer(all, 'demo-web-1');
  const record = {
    Id: ids.web1,
    Name: '/renamed',
    Config: { Image: 'shop/web', Labels: {} },
    NetworkSettings: {
      Ports: {
        '80/tcp': [
          { HostIp: '0.0.0.0', HostPort: '8080' },
          { HostIp: '::', HostPort: '8080' },
        ],
        '81/tcp': null,
      },
    },
  };
  const shown = withNodeDetails(record, item, { view: all, clusterId: 'c1', now: 0 }) as {
    readonly Name: string;
    readonly Config: { readonly Image: string; readonly Labels: Readonly<Record<string, string>> };
    readonly NetworkSettings: { readonly Ports: unknown };
    readonly Node: { readonly Name: string; readonly IP: string };
  };
  t.is(shown.Name, '/demo-web-1');
  t.deepEqual(shown.NetworkSettings.Ports, {
    '80/tcp': [{ HostIp: '192.0.2.2', HostPort: '8080' }],
    '81/tcp': null,
  });
  t.is(shown.Config.Image, 'shop/web');
  t.is(shown.Config.Labels['com.docker.compose.service'], 'web');
  t.is(shown.Node.Name, 'beta');
});

test('inspect of a container on an unreachable node returns the stored record', async (t) => {
  const all = await view();
  const shown = inspectFromStore(findContainer(all, ids.lost), {
    view: all,
    clusterId: 'c1',
    now: 0,
  }) as { readonly State: { readonly Error: string }; readonly Config: { readonly Image: string } };
  t.is(shown.State.Error, 'node gamma is down');
  t.is(shown.Config.Image, 'shop/web');
});
