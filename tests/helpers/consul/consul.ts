import test from 'ava';
import { findConsul } from '../../../fixtures/consul/program.js';
import type { ConsulOptions } from '../../../fixtures/consul/server.js';
import { ConsulServers } from '../../../fixtures/consul/server.js';
import { AppError } from '../../../manager/common/base/errors.js';
import { newId } from '../../../manager/common/base/random.js';
import type { StoreBackend } from '../../../manager/store/backend.js';
import { ConsulClient } from '../../../manager/store/consul/client.js';
import type { ConsulStoreOptions } from '../../../manager/store/consul/consul.js';
import { openConsul } from '../../../manager/store/consul/consul.js';

const found = await findConsul();

/** A test against a real Consul; skipped on a host without the program. */
export const consulTest = 'path' in found ? test : test.skip;

/** Starts Consul servers, which the caller stops. Only for a consulTest and its hooks. */
export async function startConsul(
  options: Omit<ConsulOptions, 'program'> = {},
): Promise<ConsulServers> {
  if ('missing' in found) throw new AppError('unsupported', found.missing);
  return ConsulServers.start({ program: found.path, ...options });
}

/**
 * Consul servers shared by the tests of a file, from before the first until after the last test;
 * none without the program.
 */
export function sharedConsul(options: Omit<ConsulOptions, 'program'> = {}): () => ConsulServers {
  let servers: ConsulServers | undefined;
  test.before(async () => {
    if ('path' in found) servers = await startConsul(options);
  });
  test.after.always(async () => {
    await servers?.stop();
  });
  return () => {
    if (servers === undefined) throw new AppError('internal', 'consul was not started');
    return servers;
  };
}

export function clientOf(servers: ConsulServers, token?: string): ConsulClient {
  return new ConsulClient({
    servers: servers.addresses.map((address) => {
      const [host = '', port = ''] = address.split(':');
      return { host, port: Number(port) };
    }),
    prefix: 'shoal',
    token,
  });
}

/** A Consul backend for a new cluster with a random name; `options` override. */
export function openTestConsul(
  client: ConsulClient,
  options: Partial<ConsulStoreOptions> = {},
): Promise<StoreBackend> {
  const name = newId();
  return openConsul({
    client,
    prefix: 'shoal',
    cluster: { id: name, name },
    owner: 'test',
    ...options,
  });
}
