import { vxlanPort } from './network.js';

/**
 * Fence for booting machines. After a power cut, the engine's restart policy may start containers
 * that have been replaced on other nodes. Until the worker has heard from a manager, or has decided
 * to continue without one, nothing is forwarded to or from the overlay bridges, published ports
 * included, and no container of the machine reaches a tunnel endpoint. The nftables table is loaded before the engine starts and deleted by the worker.
 */
export const isolation = {
  family: 'inet',
  table: 'shoal_isolate',
  /** Maximum duration, seconds: containers must not depend on a worker that never starts. */
  longestSeconds: 60,
} as const;

/** Bridge names are `sh` and a number; nft supports only a trailing star as a pattern. */
const bridges = Array.from({ length: 9 }, (_, at) => `sh${String(at + 1)}*`);

/** Ruleset for `nft -f`; loading it twice is idempotent. */
export function isolationRules(): string {
  const table = `${isolation.family} ${isolation.table}`;
  const chain = (hook: string, directions: readonly string[], first = ''): string => {
    const rules = directions.flatMap((direction) =>
      bridges.map((bridge) => `    ${direction} "${bridge}" counter drop\n`),
    );
    const head = `    type filter hook ${hook} priority filter - 20; policy accept;\n`;
    return `  chain ${hook} {\n${head}${first}${rules.join('')}  }\n`;
  };
  const forged = `    udp dport ${String(vxlanPort)} counter drop\n`;
  const chains = `${chain('forward', ['iifname', 'oifname'], forged)}${chain('output', ['oifname'])}`;
  return `add table ${table}\ndelete table ${table}\ntable ${table} {\n${chains}}\n`;
}
