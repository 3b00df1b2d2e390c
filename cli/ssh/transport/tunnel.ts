import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { SharedConnection } from './connection.js';

/** Connections that may be open at once. */
const maxConnections = 64;

/** A port of this computer that leads to a port of a machine. */
export interface Tunnel {
  readonly port: number;
  close(): void;
}

/** Carries one connection to `port` of the machine's loopback address. */
function carry(connection: SharedConnection, client: Socket, port: number): void {
  const { argv, env } = connection.session();
  const options = argv.slice(0, -3);
  const host = argv.slice(-1);
  const child = spawn('ssh', [...options, '-W', `127.0.0.1:${String(port)}`, '--', ...host], {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const end = (): void => {
    client.destroy();
    child.kill();
  };
  child.once('error', end);
  child.once('close', end);
  child.stdin.on('error', end);
  child.stdout.on('error', end);
  client.once('error', end);
  client.once('close', end);
  client.pipe(child.stdin);
  child.stdout.pipe(client);
}

/**
 * Listens on a free port of the loopback interface and carries each connection over SSH. It does
 * not keep the process alive.
 */
export async function openTunnel(connection: SharedConnection, port: number): Promise<Tunnel> {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    carry(connection, client, port);
  });
  server.maxConnections = maxConnections;
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  const { port: local } = server.address() as AddressInfo;
  return {
    port: local,
    close: () => {
      server.close();
    },
  };
}
