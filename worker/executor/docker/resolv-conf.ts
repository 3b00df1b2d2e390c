export interface ResolvConfInputs {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
  /** The host's resolv.conf: its search list applies if the container has none. */
  readonly host: string;
}

/**
 * Default options, unless the container sets them. `ndots:0` as in the engine: service names have
 * no dot and would otherwise be tried with every search domain first. `timeout`: the server is on
 * this machine, so an unanswered query hit a restarting worker; the usual five seconds would far
 * exceed that restart. musl applies `timeout` to all attempts together (resolv.conf(5), musl's
 * res_msend), so it must not be shorter.
 */
const defaults: readonly string[] = ['ndots:0', 'timeout:2', 'attempts:4'];

/** Renders a container's resolv.conf. A search list of just `.` means none. */
export function formatResolvConf(inputs: ResolvConfInputs): string {
  const search = inputs.search.length > 0 ? inputs.search : hostSearch(inputs.host);
  const domains = search.filter((domain) => domain !== '.');
  const explicit = new Set(inputs.options.map(nameOfOption));
  const options = [
    ...inputs.options,
    ...defaults.filter((option) => !explicit.has(nameOfOption(option))),
  ];
  const lines = inputs.nameservers.map((server) => `nameserver ${server}`);
  if (domains.length > 0) lines.push(`search ${domains.join(' ')}`);
  lines.push(`options ${options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}

/** The engine's servers for a container if the host has only servers on a loopback address. */
const publicServers: readonly string[] = ['8.8.8.8', '8.8.4.4'];

/** Name servers of a container on the engine's default bridge, as the engine chooses them. */
export function hostServers(requested: readonly string[], host: string): readonly string[] {
  if (requested.length > 0) return requested;
  const found = [...host.matchAll(/^nameserver[ \t]+(\S+)/gmu)].map(([, server = '']) => server);
  const usable = found.filter((server) => !/^(?:127\.|::1$)/u.test(server));
  return usable.length > 0 ? usable : publicServers;
}

function nameOfOption(option: string): string {
  return option.split(':')[0] ?? '';
}

/**
 * Search list of a resolv.conf as glibc reads it: the keyword starts in the first column and a blank
 * follows, `domain` has one name, the last line with a name wins. A comment ends the list.
 */
function hostSearch(host: string): readonly string[] {
  let domains: readonly string[] = [];
  for (const line of host.split('\n')) {
    const [, keyword, rest = ''] = /^(search|domain)[ \t](.*)$/u.exec(line.trimEnd()) ?? [];
    if (keyword === undefined) continue;
    const names = rest
      .replace(/(?:^|[ \t])[#;].*$/u, '')
      .split(/[ \t]+/u)
      .filter((name) => name !== '');
    if (names.length > 0) domains = keyword === 'domain' ? names.slice(0, 1) : names;
  }
  return domains;
}
