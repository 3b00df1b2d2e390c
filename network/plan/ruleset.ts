import { vxlanPort } from '../../manager/common/model/network.js';
import { bridgeOf, isOurBridge } from './names.js';
import type { ObservedState } from './observed.js';
import type { ObservedTable, WantedChain, WantedSet, WantedTable } from './table.js';
import { markOf } from './table.js';
import type { WantedState } from './wanted.js';

type ObservedDevices = Pick<ObservedState, 'bridges' | 'vxlans'>;

const port = String(vxlanPort);
const hook = (name: string): string => `${name} priority -10; policy accept`;

/** Chains that are equal on all nodes, whatever their networks. */
const fixedChains: ReadonlyMap<string, WantedChain> = new Map([
  ['input', { hook: hook('input'), rules: [`udp dport ${port} jump tunnels`] }],
  [
    'forward',
    {
      hook: hook('forward'),
      rules: [
        'iifname . oifname @within return',
        // The nodes' own tunnel packets are never forwarded.
        `udp dport ${port} counter drop`,
        'oifname @bridges jump to-network',
      ],
    },
  ],
  [
    'to-network',
    {
      rules: ['ct state established,related return', 'ct status dnat return', 'counter drop'],
    },
  ],
  ['output', { hook: hook('output'), rules: ['oifname @bridges icmp type redirect drop'] }],
]);

/** Containers may send from any address; a reply to another node would not leave by their bridge. */
const spoofed = 'meta iifkind "bridge" fib saddr . iif oif missing counter drop';

/**
 * The table that confines containers:
 * - no container reaches a tunnel endpoint of any node: its engine would masquerade the packet to
 *   the address of a node;
 * - a VXLAN packet of a network is accepted from the nodes of that network only;
 * - only replies and published ports are routed into a network, whatever the policy of the host;
 * - the host never sends ICMP redirects to containers.
 * Devices of former networks are covered until they are gone: without their rules, a worker that is
 * killed before it removes a device would leave that open.
 */
export function rulesetFor(wanted: WantedState, seen: ObservedDevices): WantedTable {
  const vteps = new Map<number, ReadonlySet<string>>();
  for (const { vni } of seen.vxlans.values()) vteps.set(vni, new Set());
  for (const { network, remotes } of wanted.networks)
    vteps.set(network.vni, new Set([...remotes.values()].map(({ vtep }) => vtep)));
  const bridges = new Set([...seen.bridges.keys()].filter(isOurBridge));
  for (const { network } of wanted.networks) bridges.add(bridgeOf(network.vni));
  const byVni = [...vteps].sort(([a], [b]) => a - b);
  return {
    chains: new Map([...byVni.map(endpointChain), tunnelChain([...vteps.keys()]), ...fixedChains]),
    sets: new Map<string, WantedSet>([
      ['bridges', { type: 'ifname', elements: bridges }],
      [
        'within',
        {
          type: 'ifname . ifname',
          elements: new Set([...bridges].map((bridge) => `${bridge} . ${bridge}`)),
        },
      ],
      ...byVni.map(([vni, elements]) => endpointSet(vni, elements)),
    ]),
  };
}

/** The table of a node without networks, and of one that does not know its networks yet. */
export const fixedRuleset: WantedTable = rulesetFor(
  { networks: [] },
  { bridges: new Map(), vxlans: new Map() },
);

/** True if the chains of all nodes are complete: the rest can be updated in place. */
export function hasFixedChains(seen: ObservedTable): boolean {
  return [...fixedChains].every(([name, chain]) => seen.chains.get(name) === markOf(chain));
}

function tunnelChain(vnis: readonly number[]): readonly [string, WantedChain] {
  const jumps = [...vnis]
    .sort((a, b) => a - b)
    .map((vni) => `${String(vni)} : jump ${chainOf(vni)}`);
  // The VNI is in bits 32 to 55 of the VXLAN header (RFC 7348 §5), which follows the eight bytes of
  // the UDP header. Other VNIs belong to other overlays of the machine.
  const dispatch = jumps.length === 0 ? [] : [`@th,96,24 vmap { ${jumps.join(', ')} }`];
  return ['tunnels', { rules: [spoofed, ...dispatch] }];
}

function endpointChain([vni]: readonly [number, unknown]): readonly [string, WantedChain] {
  return [chainOf(vni), { rules: [`ip saddr @${setOf(vni)} return`, 'counter drop'] }];
}

function endpointSet(vni: number, elements: ReadonlySet<string>): readonly [string, WantedSet] {
  return [setOf(vni), { type: 'ipv4_addr', elements }];
}

const chainOf = (vni: number): string => `vni-${String(vni)}`;
const setOf = (vni: number): string => `endpoints-${String(vni)}`;
