import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aNetworkOnNode, anEndpoint } from '../../fixtures/cluster/network-view.js';
import { buildArchive } from '../../fixtures/images/archive.js';
import { busyboxImage, busyboxReference } from '../../fixtures/images/busybox.js';
import { loadImages } from '../../fixtures/images/load.js';
import { openLab } from '../../fixtures/lab/lab.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { NetworkOnNode, NetworkView } from '../../manager/common/model/network-view.js';
import { startDnsUpstream } from '../helpers/lab/dns-upstream.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { NetworkNode } from '../helpers/lab/network-node.js';
import { vxlanPacket } from '../helpers/lab/vxlan-frame.js';

/**
 * The attacker's containers run on the first machine and are attached to `front` at most. The
 * victims `db` of `back` and `vault` of `vault` listen on the second machine. The host of the lab is
 * a third node with tasks on `back` and `vault`, so its tunnel packets are legitimate.
 */
const lab = openLab({ name: 'hostile', subnet: '10.98.48' });
const [attacker, victim, third] = ['10.98.48.11', '10.98.48.12', '10.98.48.1'] as const;
const pollOptions = { timeoutMs: 10_000, intervalMs: 100 };
const victimPort = 9000;
const floodBytes = 64 * 1024 * 1024;
const floodProgram = fileURLToPath(new URL('../helpers/lab/dns-flood-main.js', import.meta.url));
const udpProgram = fileURLToPath(new URL('../helpers/lab/udp-main.js', import.meta.url));

const front = aNetworkOnNode({ key: 'front' });
const back = aNetworkOnNode({ key: 'back', vni: 4097, subnet: '10.211.0.0/16' });
const vault = aNetworkOnNode({ key: 'vault', vni: 4098, subnet: '10.212.0.0/16' });
const inner = aNetworkOnNode({
  key: 'inner',
  vni: 4099,
  subnet: '10.213.0.0/16',
  internal: true,
});

const endpoints = [
  ...[attacker, victim].map((vtep, at) =>
    anEndpoint({ networkId: front.id, slot: at, address: `10.210.0.1${String(at)}`, vtep }),
  ),
  ...[attacker, victim, third].map((vtep, at) =>
    anEndpoint({
      networkId: back.id,
      service: 'db',
      slot: at,
      address: `10.211.0.1${String(at)}`,
      vtep,
    }),
  ),
  anEndpoint({
    networkId: inner.id,
    service: 'inner',
    address: '10.213.0.10',
    vtep: attacker,
  }),
  ...[victim, third].map((vtep, at) =>
    anEndpoint({
      networkId: vault.id,
      service: 'vault',
      slot: at,
      address: `10.212.0.1${String(at + 1)}`,
      vtep,
    }),
  ),
];

function viewOn(last: 1 | 2, networks: readonly NetworkOnNode[]): NetworkView {
  const ids = new Set(networks.map(({ id }) => id));
  return {
    networks: networks.map((network) => ({
      ...network,
      gateway: network.subnet.replace(/0\/16$/, String(last)),
    })),
    endpoints: endpoints.filter(({ networkId }) => ids.has(networkId)),
  };
}

let machines: readonly Machine[] = [];
let nodes: NetworkNode[] = [];
const listeners: ChildProcess[] = [];
/** Texts that each victim received. */
const received = new Map<string, string[]>();

function numbered<T>(list: readonly T[], number: 1 | 2): T {
  const found = list[number - 1];
  if (found === undefined) throw new Error(`machine ${String(number)} was not made`);
  return found;
}

async function run(number: 1 | 2, name: string, network: string, address?: string): Promise<void> {
  const where = ['--network', network, ...(address === undefined ? [] : ['--ip', address])];
  const command = ['--init', '--name', name, ...where, busyboxReference, 'sleep', '100000'];
  await numbered(machines, number).output(['docker', 'run', '-d', ...command]);
}

/** Prefix that runs a program of the machine in the network of one of its containers. */
async function inside(number: 1 | 2, name: string): Promise<readonly string[]> {
  const inspect = ['docker', 'inspect', '-f', '{{.State.Pid}}', name];
  const pid = (await numbered(machines, number).output(inspect)).trim();
  return ['nsenter', '--target', pid, '--net', '--'];
}

async function listen(name: string): Promise<void> {
  const { initPid } = numbered(machines, 2);
  const enter = ['--target', String(initPid), '--mount', '--pid', '--net', '--root', '--'];
  const program = [process.execPath, udpProgram, 'listen', String(victimPort)];
  const child = spawn('nsenter', [...enter, ...(await inside(2, name)), ...program]);
  const texts: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => texts.push(line));
  listeners.push(child);
  received.set(name, texts);
  await waitFor(`${name} to listen`, () => texts.includes('ready'), pollOptions);
}

test.before(async () => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return;
  await lab.down();
  machines = await lab.up(2);
  await loadImages(await buildArchive([await busyboxImage()]), machines);
  nodes = machines.map((each) => new NetworkNode(each));
  await Promise.all([
    numbered(nodes, 1).settle(viewOn(1, [])),
    numbered(nodes, 2).settle(viewOn(2, [front, back, vault])),
  ]);
  await Promise.all([
    run(1, 'plain', 'bridge'),
    run(2, 'db', 'shop_back', '10.211.0.11').then(() => listen('db')),
    run(2, 'vault', 'shop_vault', '10.212.0.11').then(() => listen('vault')),
  ]);
});
test.after.always(async () => {
  for (const child of listeners) child.kill('SIGKILL');
  await Promise.all(nodes.map((node) => node.kill()));
  await lab.down();
});

interface Attack {
  readonly network: NetworkOnNode;
  readonly text: string;
}

/** A tunnel packet to the victim on the network, as from a task of the third node. */
function packetFor({ network, text }: Attack): Buffer {
  const address = (last: string): string => network.subnet.replace(/0\/16$/, last);
  const [source, target] = [address('12'), address('11')];
  return vxlanPacket({ vni: network.vni, source, target, port: victimPort, text });
}

/** Sends a tunnel packet to the second machine from a machine or one of its containers. */
async function send(
  on: 1 | 2,
  attack: Attack,
  { from = [], source = [] }: { from?: readonly string[]; source?: readonly string[] } = {},
): Promise<void> {
  const packet = ['send', victim, '4789', packetFor(attack).toString('hex'), ...source];
  await numbered(machines, on).output([...from, process.execPath, udpProgram, ...packet]);
}

/** True if the victim has received the attack by the time a later legitimate packet arrives. */
async function arrives(attack: Attack): Promise<boolean> {
  const texts = received.get(attack.network === back ? 'db' : 'vault') ?? [];
  const control = { ...attack, text: `legitimate, after ${attack.text}` };
  const socket = createSocket('udp4');
  socket.bind(0, third);
  await waitFor(
    'a legitimate packet to arrive',
    () => {
      socket.send(packetFor(control), 4789, victim);
      return texts.includes(control.text);
    },
    pollOptions,
  ).finally(() => socket.close());
  return texts.includes(attack.text);
}

async function assertDropped(t: ExecutionContext, attack: Attack): Promise<void> {
  t.false(await arrives(attack), `${attack.text} reached a container of ${attack.network.name}`);
}

machineTest('a container of a machine without networks cannot enter a network', async (t) => {
  const attack = { network: back, text: 'from-plain' };
  await send(1, attack, { from: await inside(1, 'plain') });
  await assertDropped(t, attack);
});

machineTest('a container cannot enter a network to which it is not attached', async (t) => {
  await numbered(nodes, 1).settle(viewOn(1, [front, back, inner]));
  await run(1, 'web', 'shop_front', '10.210.0.10');
  const attack = { network: back, text: 'from-web' };
  await send(1, attack, { from: await inside(1, 'web') });
  await assertDropped(t, attack);
});

machineTest('a container cannot pretend to be another node towards its own machine', async (t) => {
  await run(2, 'web', 'shop_front', '10.210.0.11');
  const from = await inside(2, 'web');
  // Containers may send from any address with a raw socket; this address saves one.
  await numbered(machines, 2).output([...from, 'ip', 'addr', 'add', `${attacker}/32`, 'dev', 'lo']);
  const attack = { network: back, text: 'spoofed' };
  await send(2, attack, { from, source: [attacker] });
  await assertDropped(t, attack);
});

machineTest('a node that shares one network cannot enter another one', async (t) => {
  const attack = { network: vault, text: 'from-node' };
  await send(1, attack);
  await assertDropped(t, attack);
});

/** Resident memory of a process, bytes. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

async function lookUp(name: string, container: string, server: string): Promise<string> {
  const command = ['docker', 'exec', container, 'nslookup', '-type=a', name, server];
  return (await numbered(machines, 1).exec(command)).stdout;
}

machineTest('a container that never reads its DNS answers costs the worker nothing', async (t) => {
  const node = numbered(nodes, 1);
  const before = await residentBytes(node.pid);
  const flood = [process.execPath, floodProgram, '10.210.0.1', 'web', String(floodBytes)];
  const taken = await numbered(machines, 1).output([...(await inside(1, 'web')), ...flood]);
  t.log(`${taken.trim()} bytes of queries were taken`);
  // The kernel buffers a few megabytes on each side.
  t.true(Number(taken) < floodBytes / 2);
  t.true((await residentBytes(node.pid)) - before < 50 * 1024 * 1024);
  t.regex(await lookUp('web', 'web', '10.210.0.1'), /Address: 10\.210\.0\.10$/m);
});

machineTest('a container on internal networks only gets no external names', async (t) => {
  const upstream = await startDnsUpstream(third);
  t.teardown(() => {
    upstream.close();
  });
  const config = { upstreams: [`${third}:${String(upstream.port)}`], searchDomains: [] };
  const addresses = ['10.210.0.10', '10.213.0.10'];
  await numbered(nodes, 1).ask({
    op: 'local',
    containers: addresses.map((address) => [address, config] as const),
  });
  await run(1, 'inner', 'shop_inner', '10.213.0.10');
  t.regex(await lookUp('secret.example.org', 'inner', '10.213.0.1'), /NXDOMAIN/);
  t.regex(await lookUp('public.example.org', 'web', '10.210.0.1'), /Address: 192\.0\.2\.7$/m);
  t.deepEqual(new Set(upstream.asked), new Set(['public.example.org']));
});

machineTest('a container stays confined while the worker is dead', async (t) => {
  await numbered(nodes, 1).kill();
  const attack = { network: back, text: 'no-worker' };
  await send(1, attack, { from: await inside(1, 'web') });
  await assertDropped(t, attack);
});
