export interface ResolverInputs {
  readonly nameserver: string;
  readonly search: readonly string[];
  readonly options: readonly string[];
  /** The host's own resolv.conf: its search list is taken over where the container has none. */
  readonly host: string;
}

/**
 * Where the container has no say of its own. `ndots:0` as the engine's own: a service name has no dot, and
 * would be tried with every search domain first. `timeout`: the server is on this machine, so a question
 * without an answer met a worker that was being restarted; five seconds, the usual, would outlast that by
 * far. musl takes `timeout` for all attempts together (resolv.conf(5), musl's res_msend), so not less.
 */
const defaults: readonly string[] = ['ndots:0', 'timeout:2', 'attempts:4'];

/** A container's resolv.conf. A search list of `.` alone means none. */
export function resolverFile(inputs: ResolverInputs): string {
  const search = inputs.search.length > 0 ? inputs.search : hostSearch(inputs.host);
  const domains = search.filter((domain) => domain !== '.');
  const said = new Set(inputs.options.map(nameOfOption));
  const options = [
    ...inputs.options,
    ...defaults.filter((option) => !said.has(nameOfOption(option))),
  ];
  const lines = [`nameserver ${inputs.nameserver}`];
  if (domains.length > 0) lines.push(`search ${domains.join(' ')}`);
  lines.push(`options ${options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}

function nameOfOption(option: string): string {
  return option.split(':')[0] ?? '';
}

function hostSearch(host: string): readonly string[] {
  const lines = host.split('\n').map((line) => line.trim().split(/\s+/u));
  const last = lines.filter(([word]) => word === 'search' || word === 'domain').at(-1);
  return last?.slice(1) ?? [];
}
