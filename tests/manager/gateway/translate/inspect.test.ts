import test from 'ava';
import { findContainer } from '../../../../manager/gateway/find-container.js';
import {
  withNodeDetails,
  inspectFromStore,
} from '../../../../manager/gateway/translate/inspect.js';
import { ids, view } from '../../../helpers/stores/container-view.js';

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
  t.like(shown.State, { Error: 'node gamma is down', Status: 'dead', Running: false });
  t.is(shown.Config.Image, 'shop/web');
});

test('the stored record has the health check, and a lost container is not healthy', async (t) => {
  const all = await view();
  const lost = findContainer(all, ids.lost);
  const { task, node } = lost;
  const healthcheck = { test: ['CMD', 'true'], intervalMs: 1_000, retries: 3 };
  const spec = { ...task.spec, container: { ...task.spec.container, healthcheck } };
  const item = { ...lost, task: { ...task, spec, status: { ...task.status, health: 'healthy' } } };
  const scene = { view: all, clusterId: 'c1', now: 0 };
  const shown = inspectFromStore(item as typeof lost, scene) as {
    readonly State: { readonly Health: object };
    readonly Config: { readonly Healthcheck: object };
  };
  t.like(shown.State.Health, { Status: 'unhealthy' });
  t.like(shown.Config.Healthcheck, { Test: ['CMD', 'true'], Interval: 1e9, Retries: 3 });
  const silent = { ...node, status: { ...node.status, state: 'unknown' as const } };
  t.like(inspectFromStore({ ...item, node: silent } as typeof lost, scene), {
    State: { Status: 'running', Running: true, Health: { Status: 'healthy' } },
  });
});

test('a malformed record of a node is refused with the node and the field', async (t) => {
  const all = await view();
  const item = findContainer(all, 'demo-web-1');
  const scene = { view: all, clusterId: 'c1', now: 0 };
  const malformed = [
    ...[5, null, { Config: 5 }, { NetworkSettings: 'x' }],
    ...[5, { '80/tcp': 'x' }, { '80/tcp': [null] }].map((Ports) => ({
      NetworkSettings: { Ports },
    })),
  ];
  for (const record of malformed) {
    t.throws(() => withNodeDetails(record, item, scene), {
      message: /^node beta: record of container aaaa2222: .*must be an? /u,
    });
  }
});

test("a client's container shows its own mounts and aliases, not those of its node", async (t) => {
  const all = await view();
  const item = findContainer(all, 'demo-web-1');
  const container = { ...item.task.spec.container, origin: { autoRemove: false } };
  const attachment = {
    ...{
      networkId: 'n1' as never,
      network: 'front',
      address: '10.0.0.2',
      mac: '02:42:0a:00:00:02',
    },
    aliases: ['foo'],
  };
  const task = {
    ...item.task,
    ...{ spec: { ...item.task.spec, container }, attachments: [attachment] },
  };
  const anonymous = 'a'.repeat(64);
  const resolver = '/var/lib/shoal/worker/resolv/t1/resolv.conf';
  const record = {
    ...{ Id: ids.web1, Config: {} },
    HostConfig: {
      NetworkMode: 'front',
      Mounts: [
        { Type: 'volume', Source: anonymous, Target: '/data' },
        { Type: 'bind', Source: resolver, Target: '/etc/resolv.conf' },
      ],
    },
    Mounts: [
      { Type: 'bind', Source: resolver, Destination: '/etc/resolv.conf' },
      { Type: 'volume', Name: anonymous, Source: '/var/lib/docker', Destination: '/data' },
    ],
    NetworkSettings: { Networks: { front: { Aliases: null }, other: { Aliases: ['x'] } } },
  };
  const shown = withNodeDetails(record, { ...item, task }, { view: all, clusterId: 'c1', now: 0 });
  t.like(shown, {
    HostConfig: { NetworkMode: 'front', AutoRemove: false },
    NetworkSettings: { Networks: { front: { Aliases: ['foo'] }, other: { Aliases: ['x'] } } },
  });
  const { HostConfig, Mounts } = shown as {
    readonly HostConfig: object;
    readonly Mounts: readonly { readonly Destination: string }[];
  };
  t.false('Mounts' in HostConfig);
  t.deepEqual(
    Mounts.map(({ Destination }) => Destination),
    ['/data'],
  );
});
