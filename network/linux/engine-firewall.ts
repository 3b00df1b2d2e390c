import { isAppError } from '../../manager/common/base/errors.js';
import { run, runAny } from './run.js';

/**
 * The chain the engine leaves to others and asks before its own, see its documentation on packet filtering.
 * It is there with the engine's iptables rules only, not with those it writes with nft.
 */
const chain = 'DOCKER-USER';

const passRule = (bridge: string): readonly string[] => [
  '-i',
  bridge,
  '-o',
  bridge,
  '-j',
  'ACCEPT',
];

/** The bridges of `iptables -S DOCKER-USER` whose own traffic passes at once. */
export function parsePasses(text: string): ReadonlySet<string> {
  const bridges = new Set<string>();
  for (const line of text.split('\n')) {
    const match = /^-A DOCKER-USER -i (\S+) -o (\S+) -j ACCEPT$/.exec(line.trim());
    if (match?.[1] !== undefined && match[1] === match[2]) bridges.add(match[1]);
  }
  return bridges;
}

/** See parsePasses; undefined where the engine has no such chain. */
export async function readPasses(signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
  try {
    const { exitCode, stdout } = await runAny(['iptables', '-w', '5', '-S', chain], { signal });
    return exitCode === 0 ? parsePasses(stdout) : undefined;
  } catch (error) {
    if (isAppError(error) && error.kind === 'not-found') return undefined;
    throw error;
  }
}

/** Lets what stays on a bridge pass before the engine's rules for every network are asked, one by one. */
export async function addPass(bridge: string, signal: AbortSignal): Promise<void> {
  await run(['iptables', '-w', '5', '-I', chain, ...passRule(bridge)], { signal });
}

export async function removePass(bridge: string, signal: AbortSignal): Promise<void> {
  await run(['iptables', '-w', '5', '-D', chain, ...passRule(bridge)], { signal });
}
