import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../manager/common/base/clock.js';

/** What a resolv.conf says, as far as it matters here. */
export interface ResolverConfig {
  readonly servers: readonly string[];
  /** Lower case, without dots at the ends. */
  readonly searchDomains: readonly string[];
}

/** resolv.conf(5): `nameserver` lines add up, the last of `search` and `domain` counts, `#` and `;` comment. */
export function parseResolvConf(text: string): ResolverConfig {
  const servers: string[] = [];
  let searchDomains: readonly string[] = [];
  for (const line of text.split('\n')) {
    const [word = '', ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (word === 'nameserver' && isIP(values[0] ?? '') !== 0) servers.push(values[0] ?? '');
    if (word === 'search' || word === 'domain') searchDomains = values.map(bareDomain);
  }
  return { servers, searchDomains: searchDomains.filter((domain) => domain !== '') };
}

function bareDomain(domain: string): string {
  return domain.toLowerCase().replace(/^\.+|\.+$/g, '');
}

/** The resolvers the host itself uses, read again when the file changed, looked at once a second at most. */
export class HostResolvers {
  readonly #path: string;
  readonly #clock: Pick<Clock, 'elapsed'>;
  #config: ResolverConfig = { servers: [], searchDomains: [] };
  #version = '';
  #lookedAtMs = -Infinity;
  #looking: Promise<void> | undefined;

  constructor(path: string, clock: Pick<Clock, 'elapsed'>) {
    this.#path = path;
    this.#clock = clock;
  }

  /** As last read. */
  get config(): ResolverConfig {
    return this.#config;
  }

  /** Looks whether the file changed; a missing file means no resolvers. */
  async refresh(): Promise<void> {
    if (this.#clock.elapsed() - this.#lookedAtMs < 1_000) return this.#looking;
    this.#lookedAtMs = this.#clock.elapsed();
    this.#looking = this.#read().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #read(): Promise<void> {
    const info = await stat(this.#path).catch(() => undefined);
    const version = info ? `${String(info.mtimeMs)} ${String(info.size)} ${String(info.ino)}` : '-';
    if (version === this.#version) return;
    this.#config = parseResolvConf(info ? await readFile(this.#path, 'utf8').catch(() => '') : '');
    this.#version = version;
  }
}
