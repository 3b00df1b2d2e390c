import type { ExecutionContext } from 'ava';
import { findConsul } from '../../fixtures/consul/program.js';
import type { ConsulOptions } from '../../fixtures/consul/server.js';
import { ConsulServers } from '../../fixtures/consul/server.js';
import { newId } from '../../manager/base/random.js';
import type { Backend } from '../../manager/store/backend.js';
import { ConsulClient } from '../../manager/store/consul/client.js';
import type { ConsulStoreOptions } from '../../manager/store/consul/consul.js';
import { openConsul } from '../../manager/store/consul/consul.js';

/** Real servers; undefined on a host without Consul, and then `why` says so. */
export async function startConsul(
  options: Omit<ConsulOptions, 'program'> = {},
): Promise<{ readonly servers?: ConsulServers; readonly why: string }> {
  const found = await findConsul();
  if ('missing' in found) return { why: found.missing };
  return { servers: await ConsulServers.start({ program: found.path, ...options }), why: '' };
}

/** The running servers, or a test that says why it does not run. */
export function serversOr(
  t: ExecutionContext,
  consul: { readonly servers?: ConsulServers; readonly why: string },
): ConsulServers | undefined {
  if (consul.servers === undefined) {
    t.log(`skipped: ${consul.why}`);
    t.pass();
  }
  return consul.servers;
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

/** A store in Consul of a cluster of its own, unless told. */
export function openTestConsul(
  client: ConsulClient,
  options: Partial<ConsulStoreOptions> = {},
): Promise<Backend> {
  const name = newId();
  return openConsul({
    client,
    prefix: 'shoal',
    cluster: { id: name, name },
    owner: 'test',
    ...options,
  });
}
