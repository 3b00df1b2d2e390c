import type { Fields } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { Uplink } from '../plan/wanted.js';
import { objectListField, numberField, parseRecords, stringField } from './json.js';
import { run } from './run.js';

const listAddresses = ['ip', '-4', '-j', 'addr', 'show'] as const;
const listDefaultRoutes = ['ip', '-4', '-j', 'route', 'show', 'default'] as const;

/**
 * Finds the interface with the node's address, or else that of the default route: behind one-to-one
 * NAT no local interface has the advertised address.
 */
export function parseUplink(address: string, addresses: string, defaults: string): Uplink {
  const links = parseRecords(addresses, listAddresses.join(' '));
  const carries = (link: Fields): boolean =>
    objectListField(link, 'addr_info').some((info) => stringField(info, 'local') === address);
  const local = links.find(carries);
  const routed = stringField(parseRecords(defaults, listDefaultRoutes.join(' '))[0] ?? {}, 'dev');
  const uplink = local ?? links.find((link) => stringField(link, 'ifname') === routed);
  const uplinkMtu = uplink && numberField(uplink, 'mtu');
  if (uplinkMtu === undefined)
    throw new AppError(
      'unavailable',
      `no interface has address ${address} and there is no default route; check the address of this node`,
    );
  return { address, addressIsLocal: local !== undefined, uplinkMtu: Math.min(uplinkMtu, 9_216) };
}

export async function readUplink(address: string, signal: AbortSignal): Promise<Uplink> {
  const [addresses, defaults] = await Promise.all([
    run(listAddresses, { signal }),
    run(listDefaultRoutes, { signal }),
  ]);
  return parseUplink(address, addresses, defaults);
}
