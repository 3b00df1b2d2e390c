import type { HostKey } from '../known-hosts.js';
import type { EffectiveConfig } from './effective-config.js';

/** The parts of a target that become arguments of ssh. */
export interface ArgumentInput {
  readonly name: string;
  readonly host: string;
  readonly user: string;
  readonly port: number;
  readonly keyPath?: string | undefined;
  /** Further default keys, if HOME is not the account's. */
  readonly identities: readonly string[];
  /** Path of a configuration file in place of the user's; undefined for ssh's own choice. */
  readonly configPath?: string | undefined;
  readonly config: Pick<EffectiveConfig, 'connectTimeoutS' | 'serverAliveIntervalS'>;
}

function options(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** Quotes a path for an option whose value is a list. */
function quoted(path: string): string {
  return `"${path}"`;
}

/** `-F` for a configuration in place of the user's. */
export function configArguments(configPath: string | undefined): readonly string[] {
  return configPath === undefined ? [] : ['-F', configPath];
}

/** Arguments of every connection to a machine; the user's configuration supplies the rest. */
export function connectionArguments(input: ArgumentInput): readonly string[] {
  const { name, user, port, keyPath, config } = input;
  const identities = keyPath === undefined ? input.identities : [keyPath];
  return [
    ...configArguments(input.configPath),
    ...['-l', user, '-p', String(port)],
    ...options({
      ConnectTimeout: String(config.connectTimeoutS ?? 10),
      // A connection that the machine lost is noticed within 15 s.
      ...(config.serverAliveIntervalS === 0
        ? { ServerAliveInterval: '5', ServerAliveCountMax: '3' }
        : {}),
      HostKeyAlias: name,
      GlobalKnownHostsFile: '/dev/null',
      HashKnownHosts: 'no',
      UpdateHostKeys: 'no',
      VerifyHostKeyDNS: 'no',
      LogLevel: 'INFO',
      RemoteCommand: 'none',
      PermitLocalCommand: 'no',
      ClearAllForwardings: 'yes',
      ForwardAgent: 'no',
      ForwardX11: 'no',
      Tunnel: 'no',
      ...(keyPath === undefined
        ? {}
        : {
            IdentitiesOnly: 'yes',
            PasswordAuthentication: 'no',
            KbdInteractiveAuthentication: 'no',
          }),
    }),
    ...identities.flatMap((path) => ['-o', `IdentityFile=${quoted(path)}`]),
  ];
}

/** Signature algorithms of a kind of host key, as HostKeyAlgorithms lists them. */
function algorithmsOf(type: string): readonly string[] {
  return type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type];
}

/** Kinds of host keys, the preferred first. */
export const hostKeyTypes = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
] as const;

/** Accepts the machine's pinned host key alone, in a known_hosts file that has nothing else. */
export function pinnedArguments(knownHosts: string, key: HostKey): readonly string[] {
  return options({
    UserKnownHostsFile: quoted(knownHosts),
    StrictHostKeyChecking: 'yes',
    HostKeyAlgorithms: algorithmsOf(key.type).join(','),
  });
}

/** Writes the host key that the machine offers to `knownHosts` and does not log in. */
export function offeredKeyArguments(
  knownHosts: string,
  types: readonly string[],
): readonly string[] {
  return options({
    UserKnownHostsFile: quoted(knownHosts),
    StrictHostKeyChecking: 'accept-new',
    HostKeyAlgorithms: types.flatMap(algorithmsOf).join(','),
    ControlPath: 'none',
    PreferredAuthentications: 'none',
    PubkeyAuthentication: 'no',
  });
}

/** Starts the shared connection of a machine; it ends when it has been idle for a minute. */
export function masterArguments(controlPath: string): readonly string[] {
  return ['-fNM', ...options({ ControlPath: quoted(controlPath), ControlPersist: '60' })];
}

/** Uses the shared connection, and opens another one if the machine limits its sessions. */
export function sessionArguments(controlPath: string, logPath: string): readonly string[] {
  return ['-E', logPath, ...options({ ControlPath: quoted(controlPath), ControlMaster: 'no' })];
}
