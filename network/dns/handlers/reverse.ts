import { formatIp, tryParseIp } from '../../../manager/common/address/ip.js';
import { encodePtrOrSrv } from '../codec.js';
import type { DnsHandler } from '../query.js';
import { containerNameOf } from '../records.js';
import { noRecords, rcode, respond, recordType } from '../wire.js';
import type { ServiceDirectory } from './service.js';
import { ttlSeconds } from './service.js';

/**
 * Reverse lookups in the client's own networks. Unassigned addresses of these networks are answered
 * here as well (NXDOMAIN): queries about internal addresses are never forwarded.
 */
export function reverseHandler(directory: Pick<ServiceDirectory, 'index'>): DnsHandler {
  return (query, next) => {
    if (query.question.type !== recordType.PTR) return next();
    const ip = addressInName(query.name);
    const index = directory.index();
    if (ip === undefined || !index.covers(ip, query.scope)) return next();
    const holder = index.holderOf(formatIp(ip), query.scope);
    if (holder === undefined) {
      const nxdomain = noRecords(rcode.nameError);
      return respond(query.message, query.question, nxdomain, 0);
    }
    return encodePtrOrSrv(query, [{ kind: 'ptr', target: containerNameOf(holder) }], ttlSeconds);
  };
}

/** `4.3.2.1.in-addr.arpa` (RFC 1035 §3.5). */
function addressInName(name: string): number | undefined {
  const match = /^((?:\d+\.){3}\d+)\.in-addr\.arpa$/.exec(name);
  return match?.[1] === undefined ? undefined : tryParseIp(match[1].split('.').reverse().join('.'));
}
