import { AppError } from '../../../manager/common/base/errors.js';
import type { EffectiveConfig, JumpHost } from './effective-config.js';
import { parseProxyJump } from './effective-config.js';

/** Longest chain of jump hosts. */
const maxHops = 16;

/** A host on the way to a machine. */
export interface Hop {
  /** As the configuration names it. */
  readonly host: string;
  /** `address:port` as ssh's messages name it. */
  readonly place: string;
}

/** How OpenSSH reaches a host. */
export interface SshRoute {
  readonly config: EffectiveConfig;
  /** Jump hosts, the one that this computer contacts first. */
  readonly hops: readonly Hop[];
}

/** Reads the configuration of a host. */
export type ReadConfig = (host: JumpHost) => Promise<EffectiveConfig>;

/**
 * Follows ProxyJump from a host to this computer, as ssh does: only the first of several hops has
 * jump hosts of its own. Throws `invalid` for a loop, in which ssh would start processes without
 * end.
 */
export async function resolveRoute(
  name: string,
  host: JumpHost,
  read: ReadConfig,
): Promise<SshRoute> {
  const config = await read(host);
  const hops: Hop[] = [];
  const seen = [host.host];
  let { proxyJump } = config;
  while (proxyJump !== undefined) {
    const jumps = parseProxyJump(proxyJump);
    proxyJump = undefined;
    for (const [index, jump] of [...jumps].reverse().entries()) {
      if (seen.includes(jump.host) || seen.length > maxHops) {
        const chain = [...seen, jump.host].join(' -> ');
        throw new AppError(
          'invalid',
          `${name}: ProxyJump loops: ${chain}; correct the jump hosts in the ssh configuration`,
        );
      }
      seen.push(jump.host);
      const settings = await read(jump);
      const port = jump.port ?? settings.port;
      hops.unshift({ host: jump.host, place: `${settings.hostname}:${String(port)}` });
      if (index === jumps.length - 1) ({ proxyJump } = settings);
    }
  }
  return { config, hops };
}
