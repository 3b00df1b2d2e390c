import { AppError } from '../../manager/common/base/errors.js';

/** Facts that the login user can read without root. */
export interface LoginFacts {
  readonly uid: number;
  /** How to become root, or sudo's error (`missing` without sudo). */
  readonly root: 'self' | 'sudo' | { readonly refused: string };
  readonly os: OsRelease;
  /** In Node's terms: x64, arm64, … */
  readonly arch: string;
  readonly libc: 'glibc' | 'musl' | 'unknown';
  readonly timeSeconds: number;
  readonly systemd: boolean;
}

export interface OsRelease {
  readonly id: string;
  readonly idLike: readonly string[];
  readonly name: string;
}

/** Facts that need root. */
export interface RootFacts {
  readonly commands: ReadonlySet<string>;
  /** Such as `28.2.2`; undefined without an engine. */
  readonly engineVersion: string | undefined;
  /** Output of `systemctl cat docker.service`. */
  readonly engineUnit: string;
  readonly daemonJson: string | undefined;
  /** True if the engine is in Docker's own Swarm mode. */
  readonly engineSwarm: boolean;
  /** Certificates that changed after the engine has started, which reads them then. */
  readonly engineStale: ReadonlySet<string>;
  readonly runningContainers: number;
  /** Active units, without `.service`. */
  readonly active: ReadonlySet<string>;
  /** Free space of /opt and /var/lib in KiB. */
  readonly freeKib: { readonly opt: number; readonly varLib: number };
  readonly runtimes: ReadonlySet<string>;
  readonly apps: ReadonlySet<string>;
  /** Version of the Consul that the machine's agent runs, `1.8.7`; undefined without one. */
  readonly consulVersion?: string | undefined;
  /** Checksums of uploaded Consul binaries. */
  readonly consuls: ReadonlySet<string>;
  /** Checksums of the active runtime and application; empty if none. */
  readonly links: { readonly runtime: string; readonly app: string };
  /** System users of shoal that exist. */
  readonly users: ReadonlySet<string>;
  /** Content of /etc/shoal/machine.json, see MachineNote. */
  readonly machineNote: string | undefined;
  /** sha256 of existing files, by path. */
  readonly sums: ReadonlyMap<string, string>;
  /** Paths of existing private keys. */
  readonly keys: ReadonlySet<string>;
  /** PEM text by path. */
  readonly certificates: ReadonlyMap<string, string>;
}

function sections(output: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let name: string | undefined;
  let lines: string[] = [];
  const close = (): void => {
    if (name !== undefined) found.set(name, lines.join('\n').trim());
  };
  for (const line of output.split('\n')) {
    if (line.startsWith('@@')) {
      close();
      name = line.slice(2).trim();
      lines = [];
    } else {
      lines.push(line);
    }
  }
  close();
  return found;
}

function lineSet(text: string | undefined): ReadonlySet<string> {
  return new Set((text ?? '').split('\n').filter((line) => line !== ''));
}

/** Parses os-release(5): shell-like assignments. */
export function parseOsRelease(text: string): OsRelease {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([A-Z0-9_]+)=(.*)$/u.exec(line.trim());
    if (match === null) continue;
    const [, key = '', raw = ''] = match;
    values.set(key, raw.replace(/^(['"])(.*)\1$/u, '$2').replaceAll(/\\(.)/gu, '$1'));
  }
  const id = values.get('ID') ?? '';
  return {
    id,
    idLike: (values.get('ID_LIKE') ?? '').split(' ').filter((word) => word !== ''),
    name: values.get('PRETTY_NAME') ?? values.get('NAME') ?? (id === '' ? 'unknown system' : id),
  };
}

const nodeArch: Readonly<Record<string, string>> = {
  x86_64: 'x64',
  aarch64: 'arm64',
  arm64: 'arm64',
  armv7l: 'arm',
  s390x: 's390x',
  ppc64le: 'ppc64',
};

function parseRoot(text: string): LoginFacts['root'] {
  if (text === 'root') return 'self';
  if (text === 'passwordless') return 'sudo';
  return { refused: text.replace(/^refused /u, '') };
}

/** Parses the output of `loginProbe`; throws `invalid` if it is incomplete. */
export function parseLoginFacts(output: string): LoginFacts {
  const found = sections(output);
  const uid = Number.parseInt(found.get('uid') ?? '', 10);
  if (!Number.isInteger(uid) || !found.has('systemd')) {
    throw new AppError(
      'invalid',
      'unexpected output of the machine probe; check that the login shell is a POSIX shell',
      {
        detail: output.slice(0, 2000),
      },
    );
  }
  const arch = found.get('arch') ?? '';
  const libc = (found.get('libc') ?? '').toLowerCase();
  return {
    uid,
    root: parseRoot(found.get('sudo') ?? ''),
    os: parseOsRelease(found.get('os-release') ?? ''),
    arch: nodeArch[arch] ?? arch,
    libc: libc.includes('musl') ? 'musl' : /glibc|gnu libc/u.test(libc) ? 'glibc' : 'unknown',
    timeSeconds: Number(found.get('time') ?? '0'),
    systemd: found.get('systemd') === 'yes',
  };
}

/** Parses `df -Pk`, which prints a line per path in argument order: /opt, then /var/lib. */
function parseFree(text: string): RootFacts['freeKib'] {
  const free = text
    .split('\n')
    .slice(1)
    .map((line) => Number(line.trim().split(/\s+/u)[3] ?? 'NaN'))
    .filter((kib) => Number.isFinite(kib));
  const [opt = 0, varLib = opt] = free;
  return { opt, varLib };
}

function parseLinks(text: string): RootFacts['links'] {
  const target = (name: string): string => {
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
    return line?.split('/').at(-1)?.trim() ?? '';
  };
  return {
    runtime: target('runtime'),
    app: target('app'),
  };
}

/** Parses the output of `rootProbe`. */
export function parseRootFacts(output: string): RootFacts {
  const found = sections(output);
  const text = (name: string): string | undefined => {
    const value = found.get(name);
    return value === '' ? undefined : value;
  };
  const sums = [...lineSet(found.get('sums'))].map((line) => {
    const [sum = '', path = ''] = line.split(/\s+\*?/u);
    return [path, sum] as const;
  });
  const certificates = [...found]
    .filter(([name, pem]) => name.startsWith('certificate ') && pem !== '')
    .map(([name, pem]) => [name.slice('certificate '.length), `${pem}\n`] as const);
  return {
    commands: lineSet(found.get('commands')),
    engineVersion: /version ([^\s,]+)/u.exec(found.get('engine-version') ?? '')?.[1],
    consulVersion: /^Consul v(\d+\.\d+\.\d+)/mu.exec(found.get('consul-version') ?? '')?.[1],
    engineUnit: found.get('engine-unit') ?? '',
    daemonJson: text('daemon-json'),
    engineSwarm: found.get('engine-swarm') === 'yes',
    engineStale: lineSet(found.get('engine-stale')),
    runningContainers: Number(found.get('containers') ?? '0'),
    active: lineSet(found.get('active')),
    freeKib: parseFree(found.get('disk') ?? ''),
    runtimes: lineSet(found.get('runtimes')),
    apps: lineSet(found.get('apps')),
    consuls: lineSet(found.get('consuls')),
    links: parseLinks(found.get('links') ?? ''),
    users: lineSet(found.get('users')),
    machineNote: text('machine'),
    sums: new Map(sums),
    keys: lineSet(found.get('keys')),
    certificates: new Map(certificates),
  };
}
