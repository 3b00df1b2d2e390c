import { AppError } from '../../manager/common/base/errors.js';
import type { LoginFacts, OsRelease, RootFacts } from '../ssh/facts.js';

export type PackageManager = 'apt' | 'dnf' | 'dnf-ce' | 'zypper' | 'pacman';

/**
 * `dnf-ce`: the Enterprise Linux family ships no engine, so Docker's own repository is added.
 * Fedora ships moby-engine.
 */
const managerOf: Readonly<Record<string, PackageManager>> = {
  debian: 'apt',
  ubuntu: 'apt',
  raspbian: 'apt',
  fedora: 'dnf',
  centos: 'dnf-ce',
  rhel: 'dnf-ce',
  rocky: 'dnf-ce',
  almalinux: 'dnf-ce',
  ol: 'dnf-ce',
  opensuse: 'zypper',
  'opensuse-leap': 'zypper',
  'opensuse-tumbleweed': 'zypper',
  sles: 'zypper',
  arch: 'pacman',
};

/**
 * The package manager by ID, then ID_LIKE of os-release; undefined for an unsupported distribution.
 */
export function packageManagerFor(os: OsRelease): PackageManager | undefined {
  return [os.id, ...os.idLike].map((id) => managerOf[id]).find((found) => found !== undefined);
}

interface PackageNames {
  readonly engine: readonly string[];
  readonly nft: string;
  readonly ip: string;
}

const names: Readonly<Record<PackageManager, PackageNames>> = {
  apt: { engine: ['docker.io', 'ca-certificates'], nft: 'nftables', ip: 'iproute2' },
  dnf: { engine: ['moby-engine'], nft: 'nftables', ip: 'iproute' },
  'dnf-ce': { engine: ['docker-ce', 'docker-ce-cli'], nft: 'nftables', ip: 'iproute' },
  zypper: { engine: ['docker'], nft: 'nftables', ip: 'iproute2' },
  pacman: { engine: ['docker'], nft: 'nftables', ip: 'iproute2' },
};

export interface MissingPackages {
  readonly packages: readonly string[];
  /** Missing commands, for the user; empty if none. */
  readonly cause: string;
}

/** The packages that provide the machine's missing commands. */
export function missingPackages(
  manager: PackageManager,
  facts: RootFacts,
  withConsul: boolean,
): MissingPackages {
  const lacking = ['dockerd', 'nft', 'ip', 'bridge', ...(withConsul ? ['consul'] : [])].filter(
    (command) => !facts.commands.has(command),
  );
  const packages = [
    ...(lacking.includes('dockerd') ? names[manager].engine : []),
    ...(lacking.includes('consul') ? ['consul'] : []),
    ...(lacking.includes('nft') ? [names[manager].nft] : []),
    ...(lacking.includes('ip') || lacking.includes('bridge') ? [names[manager].ip] : []),
  ];
  return {
    packages,
    cause: lacking.length === 0 ? '' : `${lacking.join(', ')} missing`,
  };
}

/**
 * Preflight checks: supported distribution, systemd, root access, and a clock within 30 minutes of
 * `nowMs`. Throws an AppError whose message is a single line for the user.
 */
export function preflightCheck(
  machine: { readonly name: string; readonly user: string },
  facts: LoginFacts,
  nowMs: number,
): PackageManager {
  const manager = packageManagerFor(facts.os);
  if (manager === undefined) {
    throw new AppError(
      'unsupported',
      `${machine.name}: ${facts.os.name} is not supported; use debian, ubuntu, raspbian, fedora, centos, rhel, rocky, almalinux, opensuse or arch`,
    );
  }
  if (!facts.systemd) {
    throw new AppError(
      'unsupported',
      `${machine.name}: ${facts.os.name} does not run systemd, which shoal requires`,
    );
  }
  checkRoot(machine, facts.root);
  const skewS = Math.round(facts.timeSeconds - nowMs / 1000);
  if (Math.abs(skewS) > 1800) {
    const direction = skewS < 0 ? 'behind' : 'ahead';
    throw new AppError(
      'invalid',
      `${machine.name}: the clock is ${String(Math.abs(skewS))} s ${direction}, so certificates would not be valid; set the clock first`,
    );
  }
  return manager;
}

function checkRoot(
  machine: { readonly name: string; readonly user: string },
  root: LoginFacts['root'],
): void {
  if (typeof root === 'string') return;
  const { name, user } = machine;
  const { refused } = root;
  if (refused === 'missing') {
    throw new AppError(
      'forbidden',
      `${name}: user ${user} is not root and sudo is not installed; install sudo or log in as root`,
    );
  }
  if (/tty/iu.test(refused)) {
    throw new AppError(
      'forbidden',
      `${name}: sudo requires a terminal; remove "requiretty" for ${user} from the sudo rules`,
    );
  }
  const reason = /password/iu.test(refused)
    ? 'sudo requires a password'
    : `sudo failed (${refused.split('\n')[0] ?? ''})`;
  throw new AppError(
    'forbidden',
    `${name}: ${reason}; allow ${user} with "${user} ALL=(ALL) NOPASSWD: ALL" in /etc/sudoers.d, or log in as root`,
  );
}
