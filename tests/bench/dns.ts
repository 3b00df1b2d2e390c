import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { aNetworkOnNode, anEndpoint } from '../../fixtures/cluster/network-view.js';
import { buildArchive } from '../../fixtures/images/archive.js';
import { busyboxImage, busyboxReference } from '../../fixtures/images/busybox.js';
import { loadImages } from '../../fixtures/images/load.js';
import { openLab } from '../../fixtures/lab/lab.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { NetworkNode } from '../helpers/lab/network-node.js';
import { figure, median, print } from './figures.js';

export const about = "answers per second from one container: our server and Docker's 127.0.0.11";

const load = fileURLToPath(new URL('../helpers/lab/dns-load-main.js', import.meta.url));
const gateway = '10.210.0.1';
const dnsperf = '/usr/bin/dnsperf';

/** One machine with a container that queries the name of another container on its network. */
export async function run(args: readonly string[]): Promise<void> {
  const rounds = Number(args[0] ?? 5);
  const lab = openLab({ name: 'benchdns', subnet: '10.98.186' });
  try {
    const [machine] = await lab.up(1);
    if (machine === undefined) throw new Error('the lab has no machine');
    await loadImages(await buildArchive([await busyboxImage()]), [machine]);
    const node = new NetworkNode(machine);
    await node.settle({ networks: [aNetworkOnNode()], endpoints: endpointsOn(machine) });
    const client = await containers(machine);
    print(
      existsSync(dnsperf) ? 'queried by dnsperf' : 'queried by Node (dnsperf is not installed)',
    );
    await measure(machine, client, rounds);
    await node.end();
  } finally {
    await lab.down();
  }
}

function endpointsOn(machine: Machine) {
  return ['client', 'db'].map((service, index) =>
    anEndpoint({ service, address: `10.210.0.1${String(index + 1)}`, vtep: machine.address }),
  );
}

/** Starts `client` and `db`; returns the process id of `client` inside the machine. */
async function containers(machine: Machine): Promise<string> {
  for (const endpoint of endpointsOn(machine)) {
    const { service, address } = endpoint;
    const join = ['--network', 'shop_default', '--network-alias', service, '--ip', address];
    const image = [busyboxReference, 'sleep', '100000'];
    await machine.output(['docker', 'run', '-d', '--name', service, ...join, ...image]);
  }
  const inspect = ['docker', 'inspect', '-f', '{{.State.Pid}}', 'client'];
  return (await machine.output(inspect)).trim();
}

async function measure(machine: Machine, client: string, rounds: number): Promise<void> {
  const ours: number[] = [];
  const docker: number[] = [];
  // The servers take turns, so that both see the same other load.
  for (let round = 0; round < rounds; round += 1) {
    docker.push(await rate(machine, client, '127.0.0.11'));
    ours.push(await rate(machine, client, gateway));
  }
  const thousands = (values: readonly number[]): number[] => values.map((value) => value / 1000);
  print(figure("Docker's 127.0.0.11, local name", 'thousand/s', thousands(docker)));
  print(figure("the worker's server, local name", 'thousand/s', thousands(ours)));
  print(`ratio of medians: ${(median(ours) / median(docker)).toFixed(2)}  (target >= 1.4)`);
}

async function rate(machine: Machine, client: string, server: string): Promise<number> {
  const enter = ['nsenter', '--target', client, '--net', '--'];
  if (!existsSync(dnsperf)) {
    const text = await machine.output([...enter, process.execPath, load, server, 'db', '3']);
    const { rate: seen, failures } = JSON.parse(text) as { rate: number; failures: number };
    if (failures > 0) throw new Error(`${server} failed to answer ${String(failures)} times`);
    return seen;
  }
  const queries = ['sh', '-c', 'echo db A >/tmp/queries'];
  await machine.output(queries);
  const flags = ['-s', server, '-d', '/tmp/queries', '-l', '3', '-q', '100', '-c', '8'];
  const text = await machine.output([...enter, dnsperf, ...flags]);
  const perSecond = /Queries per second:\s+([\d.]+)/.exec(text)?.[1];
  const good = /NOERROR \d+ \(([\d.]+)%\)/.exec(text)?.[1];
  if (perSecond === undefined || good !== '100.00')
    throw new Error(`${server} did not answer every query with NOERROR: ${text}`);
  return Number(perSecond);
}
