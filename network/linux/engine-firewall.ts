import { readFile } from 'node:fs/promises';
import { isAppError } from '../../manager/common/base/errors.js';
import { run, runUnchecked } from './run.js';

/**
 * The chain that the engine reserves for user rules and evaluates before its own (Docker
 * documentation, packet filtering). It exists only with the engine's iptables backend, not with its
 * nftables backend.
 */
export const engineChain = 'DOCKER-USER';

const acceptRule = (bridge: string): readonly string[] => [
  '-i',
  bridge,
  '-o',
  bridge,
  '-j',
  'ACCEPT',
];

/** Parses `iptables -S DOCKER-USER`: the bridges whose internal traffic is accepted. */
export function parseAcceptRules(text: string): ReadonlySet<string> {
  const bridges = new Set<string>();
  for (const line of text.split('\n')) {
    const match = /^-A DOCKER-USER -i (\S+) -o (\S+) -j ACCEPT$/.exec(line.trim());
    if (match?.[1] !== undefined && match[1] === match[2]) bridges.add(match[1]);
  }
  return bridges;
}

/**
 * Reads the bridges whose internal traffic is accepted; undefined if the engine has no such chain.
 */
export async function readAcceptRules(
  signal: AbortSignal,
): Promise<ReadonlySet<string> | undefined> {
  try {
    const { exitCode, stdout } = await runUnchecked(['iptables', '-w', '5', '-S', engineChain], {
      signal,
    });
    return exitCode === 0 ? parseAcceptRules(stdout) : undefined;
  } catch (error) {
    if (isAppError(error) && error.kind === 'not-found') return undefined;
    throw error;
  }
}

/**
 * Accepts traffic within a bridge before the engine evaluates its rules for every network one by
 * one.
 */
export async function addAcceptRule(bridge: string, signal: AbortSignal): Promise<void> {
  await run(['iptables', '-w', '5', '-I', engineChain, ...acceptRule(bridge)], { signal });
}

export async function removeAcceptRule(bridge: string, signal: AbortSignal): Promise<void> {
  await run(['iptables', '-w', '5', '-D', engineChain, ...acceptRule(bridge)], { signal });
}

/**
 * Whether rules are in the kernel's legacy iptables tables, of which `nft monitor` reports no
 * change. The kernel lists the tables in use (netfilter, ip_tables.c).
 */
export async function hasLegacyTables(): Promise<boolean> {
  const tables = await readFile('/proc/net/ip_tables_names', 'utf8').catch(() => '');
  return tables.trim() !== '';
}
