import type { Server as NetServer, Socket } from 'node:net';
import type { Server } from 'node:tls';
import type { Logger } from '../common/base/log.js';
import { ConnectionTable, networkOf } from './connection-table.js';

interface ConnectionLimit {
  /** For one IPv4 address or IPv6 /64. */
  readonly perAddress: number;
  readonly total: number;
}

export interface ConnectionLimits {
  /** Connections before their handshake, or without a certificate of this cluster's CA. */
  readonly strangers: ConnectionLimit;
  readonly members: ConnectionLimit;
  /** Longest life of a stranger's connection, ms. */
  readonly strangerDeadlineMs: number;
}

export const defaultConnectionLimits: ConnectionLimits = {
  strangers: { perAddress: 128, total: 1_024 },
  members: { perAddress: 4_096, total: 16_384 },
  strangerDeadlineMs: 60_000,
};

const logIntervalMs = 60_000;

/**
 * Limits a server's connections. At the limit of strangers the oldest is closed, not the newest: a
 * machine that shares an address with an attacker completes its handshake before that many others
 * begin. At the limit of members the newest is closed.
 */
export function limitConnections(server: Server, log: Logger, limits: ConnectionLimits): void {
  const strangers = new ConnectionTable<Socket>();
  const members = new ConnectionTable<Socket>();
  const raw = new Map<string, Socket>();
  const warn = rateLimitedWarning(log);
  limitTotal(server, log, limits.strangers.total + limits.members.total);
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    const network = networkOf(socket.remoteAddress ?? '');
    raw.set(key, socket);
    strangers.add(socket, network);
    evict(strangers, limits.strangers, network, warn);
    const deadline = setTimeout(() => {
      if (strangers.delete(socket)) socket.destroy();
    }, limits.strangerDeadlineMs);
    deadline.unref();
    socket.once('close', () => {
      clearTimeout(deadline);
      if (raw.get(key) === socket) raw.delete(key);
      strangers.delete(socket);
      members.delete(socket);
    });
  });
  server.on('secureConnection', (socket) => {
    const member = raw.get(keyOf(socket));
    if (!socket.authorized || member === undefined || !strangers.delete(member)) return;
    const network = networkOf(socket.remoteAddress ?? '');
    if (isWithin(members, limits.members, network)) {
      members.add(member, network);
      return;
    }
    warn(`too many connections from ${network} or in total; a new one was closed`);
    socket.destroy();
  });
}

/** Closes new connections above `total`. */
export function limitTotal(server: NetServer, log: Logger, total: number): void {
  const warn = rateLimitedWarning(log);
  server.maxConnections = total;
  server.on('drop', () => {
    warn('too many connections in total; a new one was closed');
  });
}

function isWithin(
  table: ConnectionTable<Socket>,
  { perAddress, total }: ConnectionLimit,
  network: string,
): boolean {
  return table.countOf(network) < perAddress && table.size < total;
}

function evict(
  strangers: ConnectionTable<Socket>,
  { perAddress, total }: ConnectionLimit,
  network: string,
  warn: (problem: string) => void,
): void {
  const isAddressFull = strangers.countOf(network) > perAddress;
  if (!isAddressFull && strangers.size <= total) return;
  const oldest = strangers.oldest(isAddressFull ? network : undefined);
  if (oldest === undefined) return;
  strangers.delete(oldest);
  oldest.destroy();
  const whose = isAddressFull ? `from ${network}` : 'in total';
  warn(`too many connections without a certificate ${whose}; the oldest was closed`);
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''} ${String(remotePort ?? '')}`;
}

/** Logs at most one line a minute: an attacker causes thousands. */
function rateLimitedWarning(log: Logger): (problem: string) => void {
  let loggedAt = -Infinity;
  return (problem) => {
    const now = performance.now();
    if (now - loggedAt < logIntervalMs) return;
    loggedAt = now;
    log.warn(`transport: ${problem}`);
  };
}
