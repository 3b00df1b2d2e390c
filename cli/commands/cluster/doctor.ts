import { Command } from 'commander';
import { AppError, messageOf } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { loadEngineAuthority } from '../../certificates/engine-authority.js';
import { findCluster } from '../../inventory/context.js';
import { ExitError } from '../../exit-code.js';
import { probeTcp } from '../../inventory/engine-client.js';
import { MachineStore, resolveStoreFolder } from '../../inventory/machine-store.js';
import type { MachineRecord } from '../../inventory/machine-record.js';
import { engineUrl, hasEnginePort } from '../../inventory/machine-record.js';
import type { Network } from '../../../manager/common/model/network.js';
import type { SshSession } from '../../ssh/ssh.js';
import { ProvisionContext } from '../../machine/provision-context.js';
import { table } from '../../output/table.js';
import type { ProbedMachine, Finding } from '../../doctor/findings.js';
import { diagnose } from '../../doctor/findings.js';
import type { OverlayPair } from '../../doctor/overlay-pairs.js';
import { noCluster, observeCluster } from '../../doctor/observe-cluster.js';
import { doctorProbe, parseDoctorFacts, probeLimitMs } from '../../doctor/probe.js';
import { compareNatural } from '../../project/selection.js';

const connectTimeoutMs = 10_000;

export function doctorCommand(cli: Cli): Command {
  return new Command('doctor')
    .description('Check machines and the network between them, with a remedy for each finding')
    .argument('[machines...]', 'machines to check; default: all machines of the cluster')
    .option('--format <format>', 'table or json')
    .addHelpText(
      'after',
      `
Checks on each machine: clock, Docker Engine and its port, disk space and inodes, systemd services,
certificate expiry, checksum errors, access to the manager's port.
Checks between each two machines: reachability, unfragmented full-size packets (MTU), and the same for
containers on a common overlay network (VXLAN, UDP 4789).
Exits with code 1 if there is an error.

Examples:
  shoal doctor                    the whole cluster
  shoal doctor node-2 node-3      two machines and the network between them
  shoal doctor --format json      for a script`,
    )
    .action(async (names: string[], flags: { readonly format?: string }) => {
      await doctor(cli, names, flags.format);
    });
}

async function doctor(cli: Cli, names: readonly string[], format?: string): Promise<void> {
  const { signal } = cli.interrupts;
  const store = new MachineStore(resolveStoreFolder(cli.options.storagePath, cli.env));
  const context = await findCluster({
    home: cli.options.storagePath,
    clusterFlag: cli.options.cluster,
    env: cli.env,
  });
  const records = await selectMachines(store, names, context?.name);
  const managers = context?.managers.map((url) => new URL(url).host) ?? [];
  const { pairs, networks, failed } =
    context === undefined
      ? noCluster
      : await observeCluster(() => cli.connect(), records.map(nodeOf), signal);
  const machines = await Promise.all(
    records.map((record) => examine(cli, store, { record, records, managers, pairs, networks })),
  );
  const found = diagnose(machines, failed);
  cli.stdout.write(
    format === 'json'
      ? `${JSON.stringify({ machines, findings: found })}\n`
      : `${matrix(machines)}\n${report(found)}`,
  );
  if (found.some(({ level }) => level === 'error')) throw new ExitError(1);
}

async function selectMachines(
  store: MachineStore,
  names: readonly string[],
  cluster: string | undefined,
): Promise<readonly MachineRecord[]> {
  const wanted = names.length > 0 ? names : await store.names();
  const records = await Promise.all(
    [...wanted].sort(compareNatural).map((name) => store.load(name)),
  );
  const reachable = records.filter(({ DriverName }) => DriverName !== 'none');
  const ofCluster = reachable.filter(
    ({ HostOptions }) => cluster === undefined || HostOptions.SwarmOptions.Cluster === cluster,
  );
  const found = names.length > 0 ? reachable : ofCluster;
  if (found.length > 0) return found;
  throw new AppError('not-found', 'no machines to check; create one with "shoal machine create"');
}

function nodeOf({ Name: name, HostOptions }: MachineRecord) {
  return { name, nodeId: HostOptions.SwarmOptions.NodeID };
}

interface ProbeRequest {
  readonly record: MachineRecord;
  readonly records: readonly MachineRecord[];
  readonly managers: readonly string[];
  readonly pairs: readonly OverlayPair[];
  readonly networks: readonly Network[];
}

function stuckOn(networks: readonly Network[], { HostOptions }: MachineRecord) {
  const { NodeID } = HostOptions.SwarmOptions;
  return networks.flatMap(({ spec, leftOn = [] }) =>
    leftOn
      .filter(({ nodeId }) => nodeId === NodeID)
      .map(({ problem }) => ({ name: spec.name, problem })),
  );
}

async function examine(
  cli: Cli,
  store: MachineStore,
  { record, records, managers, pairs, networks }: ProbeRequest,
): Promise<ProbedMachine> {
  const { Name: name, Driver } = record;
  const address = Driver.IPAddress;
  const peers = records.map((other) => other.Driver.IPAddress).filter((other) => other !== address);
  const ownPairs = pairs.filter(({ from }) => from === name);
  const probes = ownPairs.map((pair) => `${pair.containerId}=${pair.address}`);
  const { signal } = cli.interrupts;
  const url = new URL(engineUrl(record));
  const endpoint = { host: url.hostname.replaceAll(/^\[|\]$/gu, ''), port: Number(url.port) };
  try {
    const answers = hasEnginePort(record)
      ? twice(
          () => probeTcp(endpoint, connectTimeoutMs),
          (state) => state === 'open',
        )
      : 'closed';
    const context = new ProvisionContext({ store, env: cli.env });
    try {
      const session = await connectTwice(context, record, signal);
      // The probe prints the clock first; the checks after it take seconds and must not skew it.
      const probe = { at: cli.now(), answered: 0 };
      const { stdout } = await session.exec(
        ['sh', '-s', '--', ...peers, '--', ...managers, '--', ...probes],
        {
          stdin: doctorProbe,
          timeoutMs: probeLimitMs({
            peers: peers.length,
            managers: managers.length,
            pairs: probes.length,
          }),
          signal,
          onOutput: () => {
            if (probe.answered === 0) probe.answered = cli.now();
          },
        },
      );
      const facts = parseDoctorFacts(stdout, probe.at, probe.answered);
      const { port } = endpoint;
      const enginePort = hasEnginePort(record)
        ? { port, open: (await answers) === 'open' }
        : undefined;
      const stuckNetworks = stuckOn(networks, record);
      const { Cluster } = record.HostOptions.SwarmOptions;
      const { id: engineAnchor } = await loadEngineAuthority(store, Cluster, new Date(cli.now()));
      const own = { facts, enginePort, engineAnchor, stuckNetworks };
      return { name, address, ...own, askedAtMs: probe.at, pairs: ownPairs };
    } finally {
      context.close();
    }
  } catch (error) {
    return { name, address, facts: undefined, failure: messageOf(error) };
  }
}

/** Observes again before a result counts as bad: a busy machine is slow, not broken. */
async function twice<T>(observe: () => Promise<T>, isGood: (result: T) => boolean): Promise<T> {
  const first = await observe();
  return isGood(first) ? first : observe();
}

async function connectTwice(
  context: ProvisionContext,
  record: MachineRecord,
  signal: AbortSignal,
): Promise<SshSession> {
  const target = context.target(record);
  try {
    return await context.openSession(target, connectTimeoutMs, signal);
  } catch {
    signal.throwIfAborted();
    return context.openSession(target, 2 * connectTimeoutMs, signal);
  }
}

/** Table of round-trip times between machines; `MTU<n` where packets of n bytes are lost. */
function matrix(machines: readonly ProbedMachine[]): string {
  const rows = machines.map(({ name, facts }) => [
    name,
    facts?.engine ?? '-',
    facts?.skewMs === undefined ? '-' : `${(facts.skewMs / 1000).toFixed(2)} s`,
    ...machines.map((other) => {
      if (other.name === name) return '.';
      const path = facts?.peers.find(({ address }) => address === other.address);
      if (path === undefined || path.unknown) return '?';
      if (path.roundTripMs === undefined) return 'lost';
      return path.full?.arrive === false
        ? `MTU<${path.full.mtu}`
        : `${path.roundTripMs.toFixed(2)} ms`;
    }),
  ]);
  return table(['FROM', 'ENGINE', 'CLOCK', ...machines.map(({ name }) => `TO ${name}`)], rows);
}

function report(found: readonly Finding[]): string {
  if (found.length === 0) return 'no problems found\n';
  return found
    .map(
      ({ level, machine, problem, remedy }) => `${level}: ${machine}: ${problem}\n  -> ${remedy}\n`,
    )
    .join('');
}
