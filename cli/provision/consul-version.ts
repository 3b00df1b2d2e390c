import { AppError } from '../../manager/common/base/errors.js';

/*
 * Versions of Consul that may run on a cluster's machines. Servers: 1.8.6, the first 1.8 without
 * CVE-2020-28053; CVE-2020-7219 and CVE-2020-13250, with which strangers exhaust an agent, were
 * fixed before. Where an agent is no server, its certificate must not count as a server's on the
 * Raft port: CVE-2021-37219, fixed in 1.8.15, 1.9.9 and 1.10.2.
 */

type Version = readonly [major: number, minor: number, patch: number];

const serverMinimum: readonly Version[] = [[1, 8, 6]];
const clientMinimum: readonly Version[] = [
  [1, 8, 15],
  [1, 9, 9],
  [1, 10, 2],
];

function compare(left: Version, right: Version): number {
  const at = left.findIndex((part, index) => part !== right[index]);
  return at === -1 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}

/** True if the version has the fix: of its own series, or any series after the last listed. */
function isFixed(version: Version, fixed: readonly Version[]): boolean {
  const series = fixed.find(([major, minor]) => major === version[0] && minor === version[1]);
  const last = fixed.at(-1);
  return compare(version, series ?? last ?? version) >= 0;
}

/**
 * Throws `unsupported` unless the machine's Consul has the fixes that its agent needs; the message
 * names the versions that have them.
 */
export function checkConsulVersion(
  machine: string,
  found: string | undefined,
  agent: { readonly isServer: boolean },
): void {
  const fixed = agent.isServer ? serverMinimum : clientMinimum;
  const [major = 0, minor = 0, patch = 0] = (found ?? '').split('.').map(Number);
  if (isFixed([major, minor, patch], fixed)) return;
  const needed = fixed.map((version) => version.join('.')).join(', ');
  throw new AppError(
    'unsupported',
    `${machine}: consul ${found ?? 'of an unknown version'} lacks security fixes; ${needed} or later is required, give one with --consul-binary`,
  );
}
