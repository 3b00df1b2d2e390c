import { parseConsulAddress } from '../../manager/common/model/discovery.js';
import type { CreateFlags } from './new-record.js';
import { discoveryFromFlags } from './new-record.js';

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/u.test(host);
}

/** The warning for a Consul token that managers would send unencrypted; undefined without one. */
export function consulTokenWarning(
  flags: Pick<CreateFlags, 'consulToken' | 'consulCa' | 'consulServer' | 'swarmDiscovery'>,
): string | undefined {
  if (flags.consulToken === undefined || flags.consulCa !== undefined) return undefined;
  const discovery = discoveryFromFlags(flags);
  if (discovery?.startsWith('consul://') !== true) return undefined;
  const remote = parseConsulAddress(discovery).servers.filter(({ host }) => !isLoopback(host));
  if (remote.length === 0) return undefined;
  const names = remote.map(({ host, port }) => `${host}:${String(port)}`).join(', ');
  return `warning: managers send the token of --consul-token unencrypted to consul at ${names}; enable TLS there and give its CA with --consul-ca`;
}
