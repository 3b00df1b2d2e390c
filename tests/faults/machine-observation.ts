import type { Machine } from '../../fixtures/lab/machine.js';
import { ownNetwork, sharedNetwork } from './projects.js';

/** The state of one machine: of its engine and its kernel. */
export interface MachineObservation {
  readonly node: string;
  /** `NAME STATE` of every container, running or not. */
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  /** Our bridges and VXLAN devices. */
  readonly links: readonly string[];
  /** Bridges named in our nftables rules. */
  readonly bridgesInRules: readonly string[];
}

/**
 * Inspects every container, as the engine's list is stale for containers started on a full disk.
 */
const script = `docker ps -aq | xargs -r docker inspect -f 'container {{.Name}} {{.State.Status}}' | sed 's|/||'
docker network ls --filter type=custom --format 'network {{.Name}}'
ls /sys/class/net | sed -n 's/^sh/link sh/p'
nft list table inet shoal 2>/dev/null | grep -o '\\bsh[0-9][0-9]*\\b' | sort -u | sed 's/^/ruled /'
true`;

export async function observe(machine: Machine): Promise<MachineObservation> {
  const text = await machine.output(['sh', '-c', script]);
  const lines = text.split('\n');
  const select = (kind: string): readonly string[] =>
    lines
      .flatMap((line) => (line.startsWith(`${kind} `) ? [line.slice(kind.length + 1)] : []))
      .sort();
  return {
    node: machine.name,
    containers: select('container'),
    networks: select('network'),
    links: select('link'),
    bridgesInRules: select('ruled'),
  };
}

/** The wanted number of replicas of each service. */
export interface WantedReplicas {
  readonly keep: number;
  readonly target: number;
  readonly tide: number;
  /** One per node. */
  readonly probe: number;
}

/**
 * Differences from the wanted state; empty if every slot is filled once and nothing is left over.
 */
export function differences(
  wanted: WantedReplicas,
  seen: readonly MachineObservation[],
): readonly string[] {
  const names = [
    ...slots('faults-keep', wanted.keep),
    ...slots('watch-target', wanted.target),
    ...slots('watch-tide', wanted.tide),
    ...slots('watch-probe', wanted.probe),
  ];
  const found = seen.flatMap(({ node, containers }) =>
    containers.map((text) => ({ node, text, name: text.split(' ')[0] ?? '' })),
  );
  const missing = names
    .filter((name) => !found.some(({ text }) => text === `${name} running`))
    .map((name) => `${name} is not running`);
  const leftOver = found
    .filter(({ name, text }) => !names.includes(name) || text !== `${name} running`)
    .map(({ node, text }) => `${text} on ${node}`);
  const twice = names
    .filter((name) => found.filter((other) => other.name === name).length > 1)
    .map((name) => `${name} exists twice`);
  return [...missing, ...leftOver, ...twice, ...seen.flatMap(networkDifferences)];
}

const slots = (service: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${service}-${at + 1}`);

/**
 * A network exists only on machines that run a container in it, with a bridge, a VXLAN device and
 * rules.
 */
function networkDifferences(on: MachineObservation): readonly string[] {
  const runs = (project: string): boolean =>
    on.containers.some((text) => text.startsWith(`${project}-`));
  const wanted = [
    ...(runs('faults') ? [ownNetwork] : []),
    ...(runs('faults') || runs('watch') ? [sharedNetwork] : []),
  ].sort();
  const bridges = on.links.filter((name) => /^sh\d/u.test(name));
  const devices = on.links.filter((name) => name.startsWith('shvx'));
  const unknown = on.bridgesInRules.filter((name) => !bridges.includes(name));
  return [
    ...(on.networks.join() === wanted.join()
      ? []
      : [`networks ${on.networks.join(' ')} on ${on.node}, not ${wanted.join(' ')}`]),
    ...(bridges.length === wanted.length && devices.length === wanted.length
      ? []
      : [`links ${on.links.join(' ')} on ${on.node} for ${wanted.length} networks`]),
    ...unknown.map((name) => `rules for ${name} on ${on.node}`),
  ];
}
