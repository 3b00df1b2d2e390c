import type { Fields } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { Uplink } from '../plan/wanted.js';
import type { KernelDump } from './dump.js';
import { objectListField, numberField, stringField } from './json.js';

/**
 * Finds the interface with the node's address, or else that of the default route: behind one-to-one
 * NAT no local interface has the advertised address.
 */
export function findUplink(
  address: string,
  { links, defaultRoutes }: Pick<KernelDump, 'links' | 'defaultRoutes'>,
): Uplink {
  const carries = (link: Fields): boolean =>
    objectListField(link, 'addr_info').some((info) => stringField(info, 'local') === address);
  const local = links.find(carries);
  const routed = stringField(defaultRoutes[0] ?? {}, 'dev');
  const uplink = local ?? links.find((link) => stringField(link, 'ifname') === routed);
  const uplinkMtu = uplink && numberField(uplink, 'mtu');
  if (uplinkMtu === undefined)
    throw new AppError(
      'unavailable',
      `no interface has address ${address} and there is no default route; check the address of this node`,
    );
  return { address, addressIsLocal: local !== undefined, uplinkMtu: Math.min(uplinkMtu, 9_216) };
}
