/** The settings that OpenSSH's configuration gives a host, from `ssh -G`. */
export interface EffectiveConfig {
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly hostKeyAlias?: string;
  /** Paths of the user's and the system's known_hosts files; `~` is not expanded. */
  readonly knownHostsFiles: readonly string[];
  /** `ask`, `accept-new`, `yes` or `no`. */
  readonly strictHostKeyChecking: string;
  /** `[user@]host[:port]` of each hop, separated by commas. */
  readonly proxyJump?: string;
  readonly proxyCommand?: string;
  readonly connectTimeoutS?: number;
  /** 0 if the user configured none. */
  readonly serverAliveIntervalS: number;
}

function words(value: string | undefined): readonly string[] {
  return (value ?? '').split(' ').filter((word) => word !== '' && word !== 'none');
}

const strictNames: Readonly<Record<string, string>> = { true: 'yes', false: 'no', off: 'no' };

/** Parses the output of `ssh -G`: a line per setting, its name in lower case. */
export function parseEffectiveConfig(output: string): EffectiveConfig {
  const values = new Map<string, string>();
  for (const line of output.split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) values.set(line.slice(0, space), line.slice(space + 1).trim());
  }
  const optional = (name: string): string | undefined => {
    const value = values.get(name);
    return value === '' || value === 'none' ? undefined : value;
  };
  const hostKeyAlias = optional('hostkeyalias');
  const proxyJump = optional('proxyjump');
  const proxyCommand = optional('proxycommand');
  const connectTimeoutS = Number(optional('connecttimeout') ?? Number.NaN);
  const strict = values.get('stricthostkeychecking') ?? 'ask';
  return {
    hostname: values.get('hostname') ?? '',
    port: Number(values.get('port') ?? '22'),
    user: values.get('user') ?? '',
    knownHostsFiles: [
      ...words(values.get('userknownhostsfile')),
      ...words(values.get('globalknownhostsfile')),
    ],
    strictHostKeyChecking: strictNames[strict] ?? strict,
    serverAliveIntervalS: Number(values.get('serveraliveinterval') ?? '0'),
    ...(hostKeyAlias === undefined ? {} : { hostKeyAlias }),
    ...(proxyJump === undefined ? {} : { proxyJump }),
    ...(proxyCommand === undefined ? {} : { proxyCommand }),
    ...(Number.isNaN(connectTimeoutS) ? {} : { connectTimeoutS }),
  };
}

/** A hop of ProxyJump. */
export interface JumpHost {
  /** An alias or an address. */
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
}

/** Parses ProxyJump's value: `[user@]host[:port]` or `ssh://…`, first hop first. */
export function parseProxyJump(value: string): readonly JumpHost[] {
  return value.split(',').map((text) => {
    const hop = text.trim().replace(/^ssh:\/\//u, '');
    const at = hop.lastIndexOf('@');
    const place = hop.slice(at + 1);
    const match = /^(?:\[(?<quoted>[^\]]+)\]|(?<plain>[^:]*))(?::(?<port>\d+))?$/u.exec(place);
    const { quoted, plain, port } = match?.groups ?? {};
    return {
      host: quoted ?? plain ?? place,
      ...(at > 0 ? { user: hop.slice(0, at) } : {}),
      ...(port === undefined ? {} : { port: Number(port) }),
    };
  });
}
