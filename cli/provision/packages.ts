import { AppError } from '../../manager/common/base/errors.js';
import type { LoginFacts, OsRelease, RootFacts } from '../ssh/facts.js';

export type PackageManager = 'apt' | 'dnf' | 'dnf-ce' | 'zypper' | 'pacman';

/**
 * `dnf-ce`: the Enterprise Linux family ships no engine, so Docker's own repository is added; Fedora
 * has one (moby-engine).
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

/** The package manager of a distribution or of one it says it is like; undefined when not supported. */
export function packageManager(os: OsRelease): PackageManager | undefined {
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
  /** What is not there, for the reader. */
  readonly cause: string;
}

/** Packages for what the machine lacks; none when it lacks nothing. */
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

/** What a machine must be before anything is done to it. Throws with the one line to show. */
export function checkLogin(
  machine: { readonly name: string; readonly user: string },
  facts: LoginFacts,
  nowMs: number,
): PackageManager {
  const manager = packageManager(facts.os);
  if (manager === undefined) {
    throw new AppError(
      'unsupported',
      `${machine.name}: ${facts.os.name} is not supported: shoal knows debian, ubuntu, raspbian, fedora, centos, rhel, rocky, almalinux, opensuse and arch`,
    );
  }
  if (!facts.systemd) {
    throw new AppError(
      'unsupported',
      `${machine.name}: ${facts.os.name} does not run systemd, which shoal needs`,
    );
  }
  checkRoot(machine, facts.root);
  const skewS = Math.round(facts.timeSeconds - nowMs / 1000);
  if (Math.abs(skewS) > 1800) {
    const direction = skewS < 0 ? 'behind' : 'ahead';
    throw new AppError(
      'invalid',
      `${machine.name}: its clock is ${String(Math.abs(skewS))} s ${direction}: certificates would not be valid there; set the clock first`,
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
    throw new AppError('forbidden', `${name}: user ${user} is not root and there is no sudo`);
  }
  if (/tty/iu.test(refused)) {
    throw new AppError(
      'forbidden',
      `${name}: sudo wants a terminal: remove "requiretty" for ${user} from the sudo rules`,
    );
  }
  const reason = /password/iu.test(refused)
    ? 'sudo asks for a password'
    : `sudo refuses (${refused.split('\n')[0] ?? ''})`;
  throw new AppError(
    'forbidden',
    `${name}: ${reason}: allow ${user} with "${user} ALL=(ALL) NOPASSWD: ALL" in /etc/sudoers.d, or log in as root`,
  );
}
