/** Open connections by the network that they come from, oldest first. */
export class ConnectionTable<Connection> {
  readonly #networks = new Map<Connection, string>();
  readonly #connections = new Map<string, Set<Connection>>();

  get size(): number {
    return this.#networks.size;
  }

  countOf(network: string): number {
    return this.#connections.get(network)?.size ?? 0;
  }

  add(connection: Connection, network: string): void {
    this.#networks.set(connection, network);
    const known = this.#connections.get(network);
    if (known === undefined) this.#connections.set(network, new Set([connection]));
    else known.add(connection);
  }

  /** Returns false if the table does not have the connection. */
  delete(connection: Connection): boolean {
    const network = this.#networks.get(connection);
    if (network === undefined) return false;
    this.#networks.delete(connection);
    const known = this.#connections.get(network);
    known?.delete(connection);
    if (known?.size === 0) this.#connections.delete(network);
    return true;
  }

  /** The oldest connection, or the oldest of one network. */
  oldest(network?: string): Connection | undefined {
    const source = network === undefined ? this.#networks : this.#connections.get(network);
    const [first] = source?.keys() ?? [];
    return first;
  }
}

/**
 * The network that limits apply to: an IPv4 address, or the /64 of an IPv6 address, of which one
 * machine has every address.
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/iu.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(8 - groups.length - rest.length, 0)).fill('0');
  const all = tail === undefined ? groups : [...groups, ...zeros, ...rest];
  return `${all.slice(0, 4).join(':')}::/64`;
}
