import { createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { AppError, messageOf } from '../../manager/common/base/errors.js';

/**
 * Bridges and virtual links of container engines and of Shoal; their addresses are not reachable.
 */
const virtualLink = /^(?:lo|docker|br-|veth|virbr|sh\d|shvx|sl-|cni|flannel|tun|tap)/u;

/** Returns the first IPv4 address of a physical interface; 127.0.0.1 if there is none. */
export function primaryAddress(interfaces = networkInterfaces()): string {
  for (const [name, addresses] of Object.entries(interfaces)) {
    if (virtualLink.test(name)) continue;
    const found = addresses?.find(({ family, internal }) => family === 'IPv4' && !internal);
    if (found !== undefined) return found.address;
  }
  return '127.0.0.1';
}

/** Path of the engine's socket: from DOCKER_HOST if it is a `unix://` URL, else the default. */
export function engineSocket(env: NodeJS.ProcessEnv): string {
  const host = env.DOCKER_HOST ?? '';
  if (host === '' || !host.startsWith('unix://')) return '/var/run/docker.sock';
  return host.slice('unix://'.length);
}

/** Throws `unavailable` if no engine listens on the socket. */
export async function checkEngine(socket: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const connection = createConnection(socket);
    connection.setTimeout(5_000, () => connection.destroy(new Error('no answer')));
    connection.once('connect', () => {
      connection.destroy();
      resolve();
    });
    connection.once('error', (error) => {
      const reason = messageOf(error).replace(/^connect /u, '');
      reject(
        new AppError(
          'unavailable',
          `no cluster is configured and no Docker Engine is running on this computer (${reason}); start the engine, or create a cluster with "shoal machine create"`,
          { cause: error },
        ),
      );
    });
  });
}

/** Returns `preferred` if that loopback port is free, else any free port; 0 has no preference. */
export async function freePort(preferred: number): Promise<number> {
  const listen = (port: number): Promise<number | undefined> =>
    new Promise((resolve) => {
      const server = createServer();
      server.once('error', () => {
        resolve(undefined);
      });
      server.listen(port, '127.0.0.1', () => {
        const bound = (server.address() as AddressInfo).port;
        server.close(() => {
          resolve(bound);
        });
      });
    });
  const kept = preferred === 0 ? undefined : await listen(preferred);
  const port = kept ?? (await listen(0));
  if (port === undefined)
    throw new AppError(
      'unavailable',
      'local cluster: no free port on 127.0.0.1; close programs that listen on loopback ports',
    );
  return port;
}
