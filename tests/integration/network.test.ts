import test from 'ava';
import { busyboxImage, busyboxReference } from '../../fixtures/images/busybox.js';
import { buildArchive } from '../../fixtures/images/archive.js';
import { loadImages } from '../../fixtures/images/load.js';
import { aNetworkOnNode, anEndpoint } from '../../fixtures/cluster/network-view.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { openLab } from '../../fixtures/lab/lab.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type {
  Endpoint,
  NetworkOnNode,
  NetworkView,
} from '../../manager/common/model/network-view.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { NetworkNode } from '../helpers/lab/network-node.js';

/**
 * Two machines with engines, two networks: `front` (10.210/16, VNI 4096) on both, `back` (10.211/16,
 * VNI 4097) on both, and a container on each network of each machine at .11 and .12.
 */
const lab = openLab({ name: 'nettest', subnet: '10.98.46' });
const underlay = ['10.98.46.11', '10.98.46.12'] as const;
const pollOptions = { timeoutMs: 10_000, intervalMs: 100 };

const front = aNetworkOnNode({ key: 'front' });
const back = aNetworkOnNode({ key: 'back', vni: 4097, subnet: '10.211.0.0/16' });

const end = (network: NetworkOnNode, service: string, node: 1 | 2): Endpoint =>
  anEndpoint({
    networkId: network.id,
    service,
    slot: node,
    address: network.gateway.replace(/\d+$/, `1${String(node)}`).replace('210', octet(network)),
    vtep: underlay[node - 1] ?? '',
  });
const octet = ({ subnet }: NetworkOnNode): string => subnet.split('.')[1] ?? '';

const endpoints = [
  end(front, 'web', 1),
  end(front, 'web', 2),
  end(back, 'db', 1),
  end(back, 'db', 2),
];

function viewOf(node: 1 | 2, change: Partial<NetworkView> = {}): NetworkView {
  const networks = [front, back].map((network) => ({
    ...network,
    gateway: `10.${octet(network)}.0.${String(node)}`,
  }));
  return { networks, endpoints, ...change };
}

let machines: readonly Machine[] = [];
let nodes: NetworkNode[] = [];

function machine(number: 1 | 2): Machine {
  const found = machines[number - 1];
  if (found === undefined) throw new Error(`machine ${String(number)} was not made`);
  return found;
}

function node(number: 1 | 2): NetworkNode {
  const found = nodes[number - 1];
  if (found === undefined) throw new Error(`node ${String(number)} was not started`);
  return found;
}

test.before(async () => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return;
  await lab.down();
  machines = await lab.up(2);
  await loadImages(await buildArchive([await busyboxImage()]), machines);
  nodes = machines.map((each) => new NetworkNode(each));
});
test.after.always(() => lab.down());

async function start(on: Machine, name: string, network: string, address: string): Promise<void> {
  const options = ['--name', name, '--network', network, '--ip', address];
  await on.output(['docker', 'run', '-d', ...options, busyboxReference, 'sleep', '100000']);
}

async function pings(on: Machine, container: string, address: string): Promise<boolean> {
  const ping = ['ping', '-c', '1', '-W', '1', address];
  return (await on.exec(['docker', 'exec', container, ...ping])).exitCode === 0;
}

async function lookUp(on: Machine, container: string, name: string, server: string) {
  const { stdout } = await on.exec([
    'docker',
    'exec',
    container,
    'nslookup',
    '-type=a',
    name,
    server,
  ]);
  return [...stdout.matchAll(/Address: (10\.[\d.]+)$/gm)].map(([, address]) => address).sort();
}

machineTest(
  'containers reach each other by address on the same network of another machine',
  async (t) => {
    await Promise.all([node(1).settle(viewOf(1)), node(2).settle(viewOf(2))]);
    for (const number of [1, 2] as const) {
      await start(machine(number), 'web', 'shop_front', `10.210.0.1${String(number)}`);
      await start(machine(number), 'db', 'shop_back', `10.211.0.1${String(number)}`);
    }
    t.true(await pings(machine(1), 'web', '10.210.0.12'));
    t.true(await pings(machine(2), 'web', '10.210.0.11'));
    t.true(await pings(machine(1), 'db', '10.211.0.12'));
  },
);

machineTest(
  'the MTU of a container is that of the underlay less the overhead of the tunnel',
  async (t) => {
    const [, mtu] =
      / mtu (\d+) /.exec(await machine(1).output(['ip', 'link', 'show', 'eth0'])) ?? [];
    const uplink = Number(mtu);
    const link = await machine(1).output(['docker', 'exec', 'web', 'ip', 'link', 'show', 'eth0']);
    t.regex(link, new RegExp(` mtu ${String(uplink - 50)} `));
    // Headers of IPv4 and ICMP are 28 bytes.
    const ping = ['ping', '-c', '1', '-W', '1', '-s', String(uplink - 78), '10.210.0.12'];
    t.is((await machine(1).exec(['docker', 'exec', 'web', ...ping])).exitCode, 0);
  },
);

machineTest('networks are isolated, on one machine and across machines', async (t) => {
  for (const address of ['10.211.0.11', '10.211.0.12'])
    t.false(await pings(machine(1), 'web', address), address);
  // Not even packets that another machine routes towards the network come in.
  await machine(1).output(['ip', 'route', 'add', '10.213.0.0/16', 'via', machine(2).address]);
  await machine(2).output(['iptables', '-P', 'FORWARD', 'ACCEPT']);
  const routed = ['ping', '-c', '1', '-W', '1', '-I', 'eth0', '10.211.0.12'];
  await machine(1).output(['ip', 'route', 'add', '10.211.0.12/32', 'via', machine(2).address]);
  t.not((await machine(1).exec(routed)).exitCode, 0);
  await machine(1).output(['ip', 'route', 'del', '10.211.0.12/32']);
});

machineTest('only its own machine answers for a gateway address', async (t) => {
  t.true(await pings(machine(2), 'web', '10.210.0.2'));
  t.false(await pings(machine(2), 'web', '10.210.0.1'));
  const known = await machine(2).output(['docker', 'exec', 'web', 'cat', '/proc/net/arp']);
  t.regex(known, /^10\.210\.0\.2 .* 02:42:0a:d2:00:02 /m);
  t.regex(known, /^10\.210\.0\.1 .* 00:00:00:00:00:00 /m);
});

machineTest(
  'tunnel packets from a machine that takes no part in the network are dropped',
  async (t) => {
    const dropped = async (): Promise<number> => {
      const rules = await machine(2).output(['nft', 'list', 'chain', 'inet', 'shoal', 'vni-4096']);
      return Number(/packets (\d+)/.exec(rules)?.[1] ?? Number.NaN);
    };
    const before = await dropped();
    // A foreign tunnel packet for VNI 4096, from the host itself.
    const packet = Buffer.concat([Buffer.from('0800000000100000', 'hex'), Buffer.alloc(60)]);
    const { createSocket } = await import('node:dgram');
    const socket = createSocket('udp4');
    await waitFor(
      'the packet to be counted as dropped',
      async () => {
        socket.send(packet, 4789, machine(2).address);
        return (await dropped()) > before;
      },
      pollOptions,
    ).finally(() => socket.close());
    t.pass();
  },
);

/** A listing without the values of counters, sorted: chains may be listed in any order. */
const withoutCounters = (listing: string): string =>
  listing
    .replace(/packets \d+ bytes \d+/g, '')
    .split('\n')
    .sort()
    .join('\n');

const damages: readonly (readonly [string, readonly (readonly string[])[]])[] = [
  ['a deleted tunnel', [['ip', 'link', 'del', 'shvx4096']]],
  ['a tunnel that is down', [['ip', 'link', 'set', 'shvx4096', 'down']]],
  ['a tunnel taken off its bridge', [['ip', 'link', 'set', 'shvx4096', 'nomaster']]],
  ['a deleted bridge', [['ip', 'link', 'del', 'sh4096']]],
  ['a bridge without its address', [['ip', 'addr', 'flush', 'dev', 'sh4096']]],
  [
    'deleted forwarding entries',
    [
      ['bridge', 'fdb', 'del', '02:42:0a:d2:00:0c', 'dev', 'shvx4096', 'self'],
      ['bridge', 'fdb', 'del', '02:42:0a:d2:00:0c', 'dev', 'shvx4096', 'master'],
    ],
  ],
  [
    'a redirected forwarding entry',
    [
      [
        'bridge',
        'fdb',
        'replace',
        '02:42:0a:d2:00:0c',
        'dev',
        'shvx4096',
        'dst',
        '10.98.46.77',
        'self',
      ],
    ],
  ],
  ['a deleted neighbour', [['ip', 'neigh', 'del', '10.210.0.12', 'dev', 'shvx4096']]],
  [
    'a tunnel with the wrong settings',
    [
      [
        'sh',
        '-c',
        'ip link del shvx4096; ip link add shvx4096 type vxlan id 77 dstport 8472 dev eth0',
      ],
    ],
  ],
];

for (const [damage, commands] of damages)
  machineTest(`${damage} is repaired automatically`, async (t) => {
    t.true(await pings(machine(1), 'web', '10.210.0.12'));
    for (const command of commands) await machine(1).output(command);
    const since = Date.now();
    // The container's own neighbour entry would hide a missing answer.
    await machine(1).exec(['docker', 'exec', '--privileged', 'web', 'arp', '-d', '10.210.0.12']);
    await waitFor(
      'the ping to pass again',
      () => pings(machine(1), 'web', '10.210.0.12'),
      pollOptions,
    );
    await waitFor('the gateway', () => pings(machine(1), 'web', '10.210.0.1'), pollOptions);
    t.log(`${String(Date.now() - since)} ms`);
    t.pass();
  });

machineTest('deleted nftables rules are restored', async (t) => {
  const list = ['nft', 'list', 'table', 'inet', 'shoal'];
  const whole = withoutCounters(await machine(1).output(list));
  t.true(whole.includes(machine(2).address));
  for (const damage of [
    ['flush', 'chain', 'inet', 'shoal', 'vni-4096'],
    ['flush', 'chain', 'inet', 'shoal', 'forward'],
    ['delete', 'element', 'inet', 'shoal', 'endpoints-4096', `{ ${machine(2).address} }`],
    ['delete', 'table', 'inet', 'shoal'],
  ]) {
    await machine(1).output(['nft', ...damage]);
    await waitFor(
      `the rules to be back after nft ${damage.join(' ')}`,
      async () => withoutCounters(await machine(1).output(list)) === whole,
      pollOptions,
    );
  }
  t.pass();
});

machineTest('the DOCKER-USER rule for traffic within a bridge is restored', async (t) => {
  const list = ['iptables', '-w', '-S', 'DOCKER-USER'];
  const pass = ['DOCKER-USER', '-i', 'sh4096', '-o', 'sh4096', '-j', 'ACCEPT'];
  const stale = pass.map((word) => word.replace('sh4096', 'sh77'));
  await machine(1).output(['iptables', '-w', '-D', ...pass]);
  await machine(1).output(['iptables', '-w', '-I', ...stale]);
  await waitFor(
    'the rule to be back',
    async () => {
      const rules = await machine(1).output(list);
      return rules.includes(pass.join(' ')) && !rules.includes('sh77');
    },
    pollOptions,
  );
  t.pass();
});

machineTest('unplanned forwarding entries are removed', async (t) => {
  await machine(1).output(
    'bridge fdb add 02:42:0a:d2:00:63 dev shvx4096 dst 10.98.46.99 self master static'.split(' '),
  );
  const dump = ['bridge', 'fdb', 'show', 'dev', 'shvx4096'];
  await waitFor(
    'the entry to go',
    async () => !(await machine(1).output(dump)).includes('02:42:0a:d2:00:63'),
    pollOptions,
  );
  t.pass();
});

machineTest('only names of the same network resolve', async (t) => {
  t.deepEqual(await lookUp(machine(1), 'web', 'web', '10.210.0.1'), ['10.210.0.11', '10.210.0.12']);
  t.deepEqual(await lookUp(machine(2), 'web', 'WEB', '10.210.0.2'), ['10.210.0.11', '10.210.0.12']);
  t.deepEqual(await lookUp(machine(1), 'web', 'shop-web-2', '10.210.0.1'), ['10.210.0.12']);
  t.deepEqual(await lookUp(machine(1), 'web', 'db', '10.210.0.1'), []);
  t.deepEqual(await lookUp(machine(1), 'db', 'db.shop', '10.211.0.1'), [
    '10.211.0.11',
    '10.211.0.12',
  ]);
});

machineTest('the host itself can resolve names at a gateway address', async (t) => {
  const ask = `
    const resolver = new (require('node:dns').promises.Resolver)({ timeout: 2000, tries: 2 });
    resolver.setServers(['10.210.0.1']);
    resolver.resolve4('web').then((found) => console.log(found.sort().join()));
  `;
  const answer = await machine(1).output([process.execPath, '-e', ask]);
  t.is(answer.trim(), '10.210.0.11,10.210.0.12');
});

machineTest('a task marked down is missing from the next DNS answer', async (t) => {
  await node(1).ask({ op: 'down', taskIds: ['task-shop-web-2'] });
  t.deepEqual(await lookUp(machine(1), 'web', 'web', '10.210.0.1'), ['10.210.0.11']);
  await node(1).ask({ op: 'down', taskIds: [] });
  t.is((await lookUp(machine(1), 'web', 'web', '10.210.0.1')).length, 2);
});

machineTest(
  'packets flow while the program is killed, and the next one adopts its devices',
  async (t) => {
    const link = ['ip', '-o', 'link', 'show', 'shvx4096'];
    const before = await machine(1).output(link);
    await node(1).kill();
    t.true(await pings(machine(1), 'web', '10.210.0.12'));
    nodes[0] = new NetworkNode(machine(1));
    await node(1).settle(viewOf(1));
    t.is(await machine(1).output(link), before);
  },
);

machineTest('networks and tunnels survive an engine restart', async (t) => {
  await machine(1).output(['systemctl', 'kill', '-s', 'KILL', 'docker']);
  await waitFor(
    'the engine',
    async () => (await machine(1).exec(['docker', 'info'])).exitCode === 0,
    {
      timeoutMs: 30_000,
    },
  );
  await machine(1).output(['docker', 'start', 'web', 'db']);
  await waitFor('the ping', () => pings(machine(1), 'web', '10.210.0.12'), pollOptions);
  t.deepEqual(await lookUp(machine(1), 'web', 'web', '10.210.0.1'), ['10.210.0.11', '10.210.0.12']);
});

machineTest(
  'a network removed from the view is cut at once and deleted once it is empty',
  async (t) => {
    const view = viewOf(2, {
      networks: viewOf(2).networks.filter(({ id }) => id !== back.id),
      endpoints: endpoints.filter(({ networkId }) => networkId !== back.id),
    });
    await node(2).settle(view);
    await waitFor(
      'the tunnel to go',
      async () => (await machine(2).exec(['ip', 'link', 'show', 'shvx4097'])).exitCode !== 0,
      pollOptions,
    );
    t.true((await machine(2).output(['docker', 'network', 'ls'])).includes('shop_back'));
    t.deepEqual(await node(2).ask({ op: 'present' }), [back.id, front.id].sort());
    await machine(2).output(['docker', 'rm', '-f', 'db']);
    await waitFor(
      'the network to go',
      async () => ((await node(2).ask({ op: 'present' })) as string[]).join() === front.id,
      pollOptions,
    );
    t.false((await machine(2).output(['docker', 'network', 'ls'])).includes('shop_back'));
    t.not((await machine(2).exec(['ip', 'link', 'show', 'sh4097'])).exitCode, 0);
  },
);

machineTest('purge removes every device, entry, network and rule', async (t) => {
  await machine(1).exec(['docker', 'rm', '-f', 'web', 'db']);
  await machine(2).exec(['docker', 'rm', '-f', 'web', 'db']);
  for (const each of nodes) {
    await each.ask({ op: 'purge' });
    await each.end();
  }
  for (const each of machines) {
    const left = [
      await each.output(['ip', '-o', 'link']),
      await each.output(['bridge', 'fdb', 'show']),
      await each.output(['ip', 'neigh', 'show', 'nud', 'permanent']),
      await each.output(['nft', 'list', 'tables']),
      await each.output(['iptables', '-w', '-S', 'DOCKER-USER']),
      await each.output(['docker', 'network', 'ls']),
    ].join('\n');
    t.notRegex(left, /\bsh(?:vx)?\d|shoal|shop_/);
  }
});
