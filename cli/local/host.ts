import { createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { AppError, messageOf } from '../../manager/common/base/errors.js';

/** Bridges and virtual links of engines and of ours: nobody reaches this computer by their addresses. */
const virtual = /^(?:lo|docker|br-|veth|virbr|sh\d|shvx|sl-|cni|flannel|tun|tap)/u;

/** The first IPv4 address that others may know this computer by; loopback when there is none. */
export function primaryAddress(interfaces = networkInterfaces()): string {
  for (const [name, addresses] of Object.entries(interfaces)) {
    if (virtual.test(name)) continue;
    const found = addresses?.find(({ family, internal }) => family === 'IPv4' && !internal);
    if (found !== undefined) return found.address;
  }
  return '127.0.0.1';
}

/** Path of the engine's socket: DOCKER_HOST when it names one, else the usual. */
export function engineSocket(env: NodeJS.ProcessEnv): string {
  const host = env.DOCKER_HOST ?? '';
  if (host === '' || !host.startsWith('unix://')) return '/var/run/docker.sock';
  return host.slice('unix://'.length);
}

/** Throws `unavailable` when no engine listens there. */
export async function checkEngine(socket: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const connection = createConnection(socket);
    connection.setTimeout(5_000, () => connection.destroy(new Error('no answer')));
    connection.once('connect', () => {
      connection.destroy();
      resolve();
    });
    connection.once('error', (error) => {
      const why = messageOf(error).replace(/^connect /u, '');
      reject(
        new AppError(
          'unavailable',
          `no cluster is configured and no Docker Engine runs here (${why}): start the engine, or make a cluster with "shoal machine create"`,
          { cause: error },
        ),
      );
    });
  });
}

/** `wanted` when nobody listens there on loopback, else any free port. */
export async function freePort(wanted: number): Promise<number> {
  const listen = (port: number): Promise<number | undefined> =>
    new Promise((resolve) => {
      const server = createServer();
      server.once('error', () => {
        resolve(undefined);
      });
      server.listen(port, '127.0.0.1', () => {
        const taken = (server.address() as AddressInfo).port;
        server.close(() => {
          resolve(taken);
        });
      });
    });
  const kept = wanted === 0 ? undefined : await listen(wanted);
  const port = kept ?? (await listen(0));
  if (port === undefined) throw new AppError('unavailable', 'no free port on 127.0.0.1');
  return port;
}
