import type { Ip } from './ip.js';

/**
 * The hardware address of a container with this address: `02:42` and the four bytes of the address. The
 * same the engine (libnetwork `GenerateMACFromIP`, before 28) derives by itself, so a container has it even
 * where the engine lets nobody set one.
 */
export function macOf(ip: Ip): string {
  const bytes = [0x02, 0x42, ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
