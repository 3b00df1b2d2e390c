import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../manager/common/base/clock.js';

/** The parts of resolv.conf that the name server uses. */
export interface ResolverConfig {
  readonly servers: readonly string[];
  /** Lower case, without leading or trailing dots. */
  readonly searchDomains: readonly string[];
}

/**
 * Parses resolv.conf(5) as glibc does: keywords start in the first column, `nameserver` lines
 * accumulate, the last `search` or `domain` line with a name wins. `#` and `;` start comments.
 */
export function parseResolvConf(text: string): ResolverConfig {
  const servers: string[] = [];
  let searchDomains: readonly string[] = [];
  for (const line of text.split('\n')) {
    const [word = '', ...values] = line
      .replace(/[#;].*$/, '')
      .trimEnd()
      .split(/[ \t]+/);
    if (word === 'nameserver' && isIP(values[0] ?? '') !== 0) servers.push(values[0] ?? '');
    if (values.length === 0) continue;
    if (word === 'search') searchDomains = values.map(bareDomain);
    if (word === 'domain') searchDomains = values.slice(0, 1).map(bareDomain);
  }
  return { servers, searchDomains: searchDomains.filter((domain) => domain !== '') };
}

/** A domain in lower case, without leading or trailing dots. */
export function bareDomain(domain: string): string {
  return domain.toLowerCase().replace(/^\.+|\.+$/g, '');
}

/** The host's resolvers. Re-reads the file when it has changed, checking at most once a second. */
export class HostResolvers {
  readonly #path: string;
  readonly #clock: Pick<Clock, 'elapsed'>;
  #config: ResolverConfig = { servers: [], searchDomains: [] };
  #version = '';
  #checkedAtMs = -Infinity;
  #refreshing: Promise<void> | undefined;

  constructor(path: string, clock: Pick<Clock, 'elapsed'>) {
    this.#path = path;
    this.#clock = clock;
  }

  /** The configuration as of the last refresh. */
  get config(): ResolverConfig {
    return this.#config;
  }

  /** Re-reads the file if it has changed; a missing file yields no resolvers. */
  async refresh(): Promise<void> {
    if (this.#clock.elapsed() - this.#checkedAtMs < 1_000) return this.#refreshing;
    this.#checkedAtMs = this.#clock.elapsed();
    this.#refreshing = this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #read(): Promise<void> {
    const info = await stat(this.#path).catch(() => undefined);
    const version = info ? `${String(info.mtimeMs)} ${String(info.size)} ${String(info.ino)}` : '-';
    if (version === this.#version) return;
    this.#config = parseResolvConf(info ? await readFile(this.#path, 'utf8').catch(() => '') : '');
    this.#version = version;
  }
}
