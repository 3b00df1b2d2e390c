export interface ResolvConfInputs {
  readonly nameserver: string;
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
  const lines = [`nameserver ${inputs.nameserver}`];
  if (domains.length > 0) lines.push(`search ${domains.join(' ')}`);
  lines.push(`options ${options.join(' ')}`);
  return `${lines.join('\n')}\n`;
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
