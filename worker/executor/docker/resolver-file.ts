export interface ResolverInputs {
  readonly nameserver: string;
  readonly search: readonly string[];
  readonly options: readonly string[];
  /** The host's own resolv.conf: its search list is taken over where the container has none. */
  readonly host: string;
}

/**
 * A container's resolv.conf. `ndots:0` as the engine's own: a service name has no dot, and would be tried
 * with every search domain first. A search list of `.` alone means none.
 */
export function resolverFile(inputs: ResolverInputs): string {
  const search = inputs.search.length > 0 ? inputs.search : hostSearch(inputs.host);
  const domains = search.filter((domain) => domain !== '.');
  const options = inputs.options.some((option) => option.startsWith('ndots:'))
    ? inputs.options
    : [...inputs.options, 'ndots:0'];
  const lines = [`nameserver ${inputs.nameserver}`];
  if (domains.length > 0) lines.push(`search ${domains.join(' ')}`);
  lines.push(`options ${options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}

function hostSearch(host: string): readonly string[] {
  const lines = host.split('\n').map((line) => line.trim().split(/\s+/u));
  const last = lines.filter(([word]) => word === 'search' || word === 'domain').at(-1);
  return last?.slice(1) ?? [];
}
