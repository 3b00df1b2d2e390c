import { existsSync } from 'node:fs';
import { aNetworkOnNode, anEndpoint } from '../../fixtures/cluster/network-view.js';
import { buildArchive } from '../../fixtures/images/archive.js';
import { busyboxImage, busyboxReference } from '../../fixtures/images/busybox.js';
import { loadImages } from '../../fixtures/images/load.js';
import { openLab } from '../../fixtures/lab/lab.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import { AppError } from '../../manager/common/base/errors.js';
import { NetworkNode } from '../helpers/lab/network-node.js';
import { figure, median, print } from './figures.js';

export const about =
  'TCP throughput between machines: an overlay against a hand-made bridge and tunnel';

const iperf = '/usr/bin/iperf3';
const overlayAddress = (index: number): string => `10.210.0.1${String(index + 1)}`;
const manualAddress = (index: number): string => `10.222.0.1${String(index + 1)}`;

export async function run(args: readonly string[]): Promise<void> {
  if (!existsSync(iperf))
    throw new AppError('unsupported', 'iperf3: not installed; run apt-get install iperf3');
  const rounds = Number(args[0] ?? 8);
  const lab = openLab({ name: 'benchovl', subnet: '10.98.188' });
  try {
    const machines = await lab.up(2);
    await loadImages(await buildArchive([await busyboxImage()]), machines);
    const nodes = machines.map((machine) => new NetworkNode(machine));
    const endpoints = machines.map(({ address }, index) =>
      anEndpoint({ slot: index + 1, address: overlayAddress(index), vtep: address }),
    );
    const view = (index: number) => {
      const gateway = `10.210.0.${String(index + 1)}`;
      return { networks: [aNetworkOnNode({ gateway })], endpoints };
    };
    await Promise.all(nodes.map((node, index) => node.settle(view(index))));
    const ends = await Promise.all(machines.map(prepare));
    await compare(machines, ends, rounds);
    await Promise.all(nodes.map((node) => node.end()));
  } finally {
    await lab.down();
  }
}

interface Ends {
  /** Process ids inside the machine: of the overlay container and of the manually connected one. */
  readonly overlay: string;
  readonly manual: string;
}

async function prepare(machine: Machine, index: number, all: readonly Machine[]): Promise<Ends> {
  const start = async (name: string, ...network: readonly string[]): Promise<string> => {
    const image = [busyboxReference, 'sleep', '100000'];
    await machine.output(['docker', 'run', '-d', '--name', name, ...network, ...image]);
    return (await machine.output(['docker', 'inspect', '-f', '{{.State.Pid}}', name])).trim();
  };
  const overlay = await start('web', '--network', 'shop_default', '--ip', overlayAddress(index));
  const manual = await start('manual', '--network', 'none');
  const peer = all[1 - index]?.address ?? '';
  await machine.output(['ip', '-batch', '-'], { stdin: manualSetup(manual, index, machine, peer) });
  await machine.output(['nsenter', '--target', manual, '--net', 'ip', '-batch', '-'], {
    stdin: `addr add ${manualAddress(index)}/24 dev eth0\nlink set eth0 up\n`,
  });
  // Bridged packets pass the host's FORWARD chain, which the engine closes to unknown bridges.
  await machine.output(['iptables', '-I', 'FORWARD', '-i', 'hm0', '-o', 'hm0', '-j', 'ACCEPT']);
  return { overlay, manual };
}

/**
 * The minimum that carries frames: a bridge, a tunnel to the other machine, a veth pair to the
 * container.
 */
function manualSetup(pid: string, index: number, { address }: Machine, peer: string): string {
  return `link add hm0 type bridge
link set hm0 mtu 1450 up
link add hmvx type vxlan id 77 local ${address} remote ${peer} dstport 4789
link set hmvx mtu 1450 master hm0 up
link add hmveth mtu 1450 type veth peer name eth0 mtu 1450 netns ${pid}
link set hmveth master hm0 up
`;
}

async function compare(
  machines: readonly Machine[],
  ends: readonly Ends[],
  rounds: number,
): Promise<void> {
  const [client, server] = machines;
  const [from, to] = ends;
  if (!client || !server || !from || !to) throw new AppError('internal', 'two machines are needed');
  const overlay: number[] = [];
  const manual: number[] = [];
  const kinds = [
    { seen: manual, from: from.manual, to: to.manual, address: manualAddress(1) },
    { seen: overlay, from: from.overlay, to: to.overlay, address: overlayAddress(1) },
  ];
  // The kinds take turns in alternating order, so that both see the same other load.
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of round % 2 === 0 ? kinds : kinds.toReversed())
      kind.seen.push(await gigabits({ client, server }, kind.from, kind.to, kind.address));
  }
  const ratios = overlay.map((rate, round) => rate / (manual[round] ?? Number.NaN));
  print(figure('bridge and tunnel made by hand', 'Gbit/s', manual));
  print(figure('across the overlay', 'Gbit/s', overlay));
  print(`median of the rounds' ratios: ${median(ratios).toFixed(3)}  (target >= 0.97)`);
}

/** A measurement of three seconds between two containers. */
async function gigabits(
  pair: { readonly client: Machine; readonly server: Machine },
  from: string,
  to: string,
  address: string,
): Promise<number> {
  const enter = (pid: string): string[] => ['nsenter', '--target', pid, '--net', iperf];
  await pair.server.output([...enter(to), '--server', '--one-off', '--daemon']);
  const text = await waitFor(
    'the measurement to start',
    async () => {
      const flags = ['--client', address, '--time', '3', '--json', '--connect-timeout', '2000'];
      const { exitCode, stdout } = await pair.client.exec([...enter(from), ...flags]);
      return exitCode === 0 && stdout;
    },
    { timeoutMs: 30_000, intervalMs: 200 },
  );
  const { end } = JSON.parse(text) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}
