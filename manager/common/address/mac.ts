import type { Ip } from './ip.js';

/**
 * The MAC address of a container with this IPv4 address: `02:42` followed by the four bytes of the
 * address. The engine derives the same MAC by default (libnetwork `GenerateMACFromIP`, before 28),
 * so a container has it even where the engine does not allow setting one.
 */
export function macOf(ip: Ip): string {
  const bytes = [0x02, 0x42, ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
