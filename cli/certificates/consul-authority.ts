import type { KeyPair, SigningParameters } from '../../manager/common/pki/pki.js';
import { createAuthority, createPrivateKey, validityFor } from '../../manager/common/pki/pki.js';
import { authorityDays, certificateDays } from './lifetimes.js';

/*
 * The CA of a cluster's Consul agents (--consul-server). It signs nothing else, and nothing else
 * signs for agents: a worker's certificate opens none of Consul's ports.
 */

/** Organizational unit of the agents' certificates. */
export const consulRole = 'consul';

/** Creates the CA of a cluster's Consul agents. */
export async function createConsulAuthority(cluster: string, now: Date): Promise<KeyPair> {
  const key = await createPrivateKey();
  const subject = {
    commonName: `consul of ${cluster}`,
    organizationalUnit: 'consul authority',
    organization: cluster,
  };
  const validity = validityFor(now, authorityDays);
  return { key, cert: await createAuthority({ key, subject, validity, pathLength: 0 }) };
}

/**
 * Names in an agent's certificate. Agents accept only `server.dc1.consul` as a server; `dc1` is
 * Consul's default datacentre.
 */
export function consulNames(isServer: boolean): readonly string[] {
  return [isServer ? 'server.dc1.consul' : 'client.dc1.consul', 'localhost', '127.0.0.1'];
}

/** How an agent's request is signed. */
export function consulOrder(
  agent: { readonly machine: string; readonly clusterId: string; readonly isServer: boolean },
  now: Date,
): Omit<SigningParameters, 'request'> {
  const { machine, clusterId, isServer } = agent;
  return {
    subject: {
      commonName: machine,
      organizationalUnit: consulRole,
      organization: clusterId,
    },
    alternativeNames: consulNames(isServer),
    usage: 'peer',
    validity: validityFor(now, certificateDays),
  };
}
