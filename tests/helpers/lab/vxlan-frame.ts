import { parseIp } from '../../../manager/common/address/ip.js';
import { macOf } from '../../../manager/common/address/mac.js';

export interface ForgedFrame {
  readonly vni: number;
  /** Overlay addresses of the pretended sender and of the target. */
  readonly source: string;
  readonly target: string;
  readonly port: number;
  readonly text: string;
}

/**
 * Payload of a tunnel packet: a VXLAN header (RFC 7348 §5) and an Ethernet frame with a UDP
 * datagram for the target, whose MAC derives from its address.
 */
export function vxlanPacket({ vni, source, target, port, text }: ForgedFrame): Buffer {
  const vxlan = Buffer.alloc(8);
  vxlan[0] = 0x08;
  vxlan.writeUIntBE(vni, 4, 3);
  const ethernet = Buffer.concat([macBytes(target), macBytes(source), Buffer.from('0800', 'hex')]);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(port, 0);
  udp.writeUInt16BE(port, 2);
  udp.writeUInt16BE(8 + text.length, 4);
  return Buffer.concat([
    vxlan,
    ethernet,
    ipHeader(source, target, 8 + text.length),
    udp,
    Buffer.from(text),
  ]);
}

function macBytes(address: string): Buffer {
  return Buffer.from(macOf(parseIp(address)).replaceAll(':', ''), 'hex');
}

function ipHeader(source: string, target: string, payloadBytes: number): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + payloadBytes, 2);
  header[8] = 64;
  header[9] = 17;
  header.writeUInt32BE(parseIp(source), 12);
  header.writeUInt32BE(parseIp(target), 16);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  header.writeUInt16BE(~sum & 0xffff, 10);
  return header;
}
