import type { Fields } from '../../manager/common/base/decode.js';
import { vxlanPort } from '../../manager/common/model/network.js';
import { isOurVxlan } from '../plan/names.js';
import type { ObservedVxlan } from '../plan/observed.js';
import type { WantedNetwork } from '../plan/wanted.js';
import { objectField, requiredCount, stringField, stringListField } from './json.js';

/** Selects Shoal's VXLAN devices, with tunnel and bridge port attributes, from all links. */
export function parseVxlans(links: readonly Fields[]): Map<string, ObservedVxlan> {
  const vxlans = new Map<string, ObservedVxlan>();
  for (const link of links) {
    const name = stringField(link, 'ifname');
    if (name !== undefined && isOurVxlan(name)) vxlans.set(name, seenVxlan(name, link));
  }
  return vxlans;
}

function seenVxlan(name: string, link: Fields): ObservedVxlan {
  const source = `ip link: ${name}`;
  const info = objectField(link, 'linkinfo');
  const tunnel = objectField(info, 'info_data');
  const port = objectField(info, 'info_slave_data');
  const onBridge = stringField(info, 'info_slave_kind') === 'bridge';
  return {
    name,
    vni: requiredCount(tunnel, 'id', source),
    port: requiredCount(tunnel, 'port', source),
    local: stringField(tunnel, 'local'),
    learning: tunnel.learning !== false,
    proxy: tunnel.proxy === true,
    mtu: requiredCount(link, 'mtu', source),
    up: stringListField(link, 'flags').includes('UP'),
    master: stringField(link, 'master'),
    portFloods: onBridge
      ? port.flood === true || port.mcast_flood === true || port.learning === true
      : undefined,
  };
}

/**
 * Batch lines for `ip`. With `proxy` the device answers ARP from its neighbour table and drops the
 * request, so that no broadcast crosses to another node. No underlay device is set: the tunnel
 * survives route changes and the deletion of an uplink.
 */
export function addVxlanLines(wanted: WantedNetwork): string[] {
  const source = wanted.local === undefined ? '' : ` local ${wanted.local}`;
  return [
    `link add name ${wanted.vxlan} type vxlan id ${String(wanted.network.vni)}${source} dstport ${String(vxlanPort)} nolearning proxy`,
    ...setVxlanLines(wanted),
  ];
}

export function setVxlanLines({ vxlan, bridge, mtu }: WantedNetwork): string[] {
  return [
    `link set dev ${vxlan} addrgenmode none`,
    `link set dev ${vxlan} mtu ${String(mtu)} master ${bridge}`,
    // Every remote MAC has an entry; unknown destinations must not be flooded to all nodes.
    `link set dev ${vxlan} type bridge_slave flood off mcast_flood off learning off`,
    `link set dev ${vxlan} up`,
  ];
}
