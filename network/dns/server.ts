import type { Clock } from '../../manager/common/base/clock.js';
import type { Logger } from '../../manager/common/base/log.js';
import type { NetworkId, TaskId } from '../../manager/common/model/ids.js';
import type {
  Endpoint,
  NameView,
  ContainerDnsConfig,
} from '../../manager/common/model/network-view.js';
import { runChain } from './chain.js';
import { cacheHandler } from './handlers/cache.js';
import { externalHandler } from './handlers/external.js';
import { forwardHandler } from './handlers/forward.js';
import { reverseHandler } from './handlers/reverse.js';
import type { ServiceDirectory } from './handlers/service.js';
import { clusterRecords, serviceHandler, randomStart } from './handlers/service.js';
import { Listener } from './listener.js';
import { localAddressCheck } from './local-addresses.js';
import type { DnsHandler, Query } from './query.js';
import type { QueryScope } from './records.js';
import { NameIndex } from './records.js';
import { bareDomain, HostResolvers } from './resolvers.js';
import { exchange } from './upstream.js';
import type { Records } from './wire.js';
import {
  headerBytes,
  questionName,
  rcode,
  rcodeOf,
  recordType,
  readQuestion,
  errorResponse,
  respond,
} from './wire.js';

export interface DnsServerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Defaults to /etc/resolv.conf. */
  readonly resolvConf?: string;
  /** Defaults to 53. */
  readonly port?: number;
  /** Returns a number in [0, 1); defaults to Math.random. */
  readonly random?: () => number;
  /** True if the address belongs to this machine; defaults to a check of its interfaces. */
  readonly isLocalAddress?: (address: string) => boolean;
}

/** A client: its scope and the answers cached for it since the last change of names or health. */
interface Client {
  readonly scope: QueryScope;
  readonly upstreams: readonly string[];
  readonly searchDomains: readonly string[];
  readonly answers: Map<string, Records>;
}

/** Counters since the server was created. */
export interface DnsCounts {
  readonly queries: number;
  /** Answered from cluster records; the remaining queries were forwarded. */
  readonly answers: number;
  readonly forwarded: number;
  /** Answered with SERVFAIL. */
  readonly failures: number;
}

const noDnsConfig: ContainerDnsConfig = { upstreams: [], searchDomains: [] };

/** Cached answers per client; the cache is cleared when it is full. */
const maxCachedAnswers = 1_024;
const maxClients = 8_192;

/**
 * The node's DNS server. Listens on the gateway address of each network of the view and answers the
 * containers of that network. It answers from the last view, even if no manager is reachable.
 */
export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #resolvers: HostResolvers;
  readonly #handlers: readonly DnsHandler[];
  readonly #directory: ServiceDirectory;
  readonly #isLocalAddress: (address: string) => boolean;
  readonly #listeners = new Map<string, Listener>();
  readonly #clients = new Map<string, Client | undefined>();
  #view: NameView = { networks: [], endpoints: [], projects: [] };
  #index: NameIndex | undefined;
  #down: ReadonlySet<TaskId> = new Set();
  #local: ReadonlyMap<string, ContainerDnsConfig> = new Map();
  #started = false;
  readonly #counts = { queries: 0, forwarded: 0, failures: 0 };

  constructor(options: DnsServerOptions) {
    this.#options = options;
    const { clock, resolvConf = '/etc/resolv.conf', random = Math.random } = options;
    this.#isLocalAddress = options.isLocalAddress ?? localAddressCheck(clock);
    this.#resolvers = new HostResolvers(resolvConf, clock);
    this.#directory = {
      index: () => (this.#index ??= new NameIndex(this.#view)),
      isUp: (endpoint: Endpoint) => endpoint.up && !this.#down.has(endpoint.taskId),
      searchDomains: () => this.#resolvers.config.searchDomains,
      random,
    };
    this.#handlers = [
      serviceHandler(this.#directory),
      reverseHandler(this.#directory),
      externalHandler(),
      (_query, next) => {
        this.#counts.forwarded += 1;
        return next();
      },
      cacheHandler(clock),
      forwardHandler(exchange),
    ];
  }

  get counts(): DnsCounts {
    const { queries, forwarded, failures } = this.#counts;
    return { queries, answers: queries - forwarded, forwarded, failures };
  }

  start(): void {
    this.#started = true;
    void this.#resolvers.refresh();
    this.#listen();
  }

  stop(): void {
    this.#started = false;
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
  }

  /** Replaces the names and the listen addresses. */
  setView(view: NameView): void {
    this.#view = view;
    this.#index = undefined;
    this.#clients.clear();
    if (this.#started) this.#listen();
  }

  /** Marks tasks as down regardless of the view; takes effect with the next answer. */
  setDown(taskIds: ReadonlySet<TaskId>): void {
    this.#down = taskIds;
    for (const client of this.#clients.values()) client?.answers.clear();
  }

  /** Replaces the settings of local containers, keyed by address on any of their networks. */
  setLocal(containers: ReadonlyMap<string, ContainerDnsConfig>): void {
    this.#local = containers;
    this.#clients.clear();
  }

  #listen(): void {
    const { clock, log, port = 53 } = this.#options;
    const wanted = new Map(this.#view.networks.map(({ id, gateway }) => [`${gateway} ${id}`, id]));
    for (const [key, listener] of this.#listeners) {
      if (wanted.has(key)) continue;
      listener.close();
      this.#listeners.delete(key);
    }
    for (const [key, networkId] of wanted) {
      if (this.#listeners.has(key)) continue;
      const [address = ''] = key.split(' ');
      const onQuery = this.#receiver(networkId);
      this.#listeners.set(key, new Listener({ address, port, clock, log, onQuery }));
    }
  }

  #receiver(networkId: NetworkId): ConstructorParameters<typeof Listener>[0]['onQuery'] {
    return (message, from, transport, reply) => {
      const client = this.#clientAt(from, networkId);
      if (client === undefined) {
        reply(undefined);
        return;
      }
      const question = readQuestion(message, transport);
      if (question === undefined) {
        // A response is never answered: two servers would otherwise loop forever.
        const isQuery = ((message[2] ?? 0x80) & 0x80) === 0;
        reply(isQuery ? errorResponse(message, rcode.notImplemented) : undefined);
        return;
      }
      this.#counts.queries += 1;
      const key = message.toString('latin1', headerBytes, question.end);
      const ready = client.answers.get(key);
      if (ready !== undefined) {
        reply(respond(message, question, ready, randomStart(ready, this.#directory.random)));
        return;
      }
      const { scope, upstreams, searchDomains } = client;
      const name = questionName(message);
      const query = {
        message,
        question,
        name,
        scope,
        client: from,
        transport,
        upstreams,
        searchDomains,
      };
      this.#answer(query, client, key, reply);
    };
  }

  #answer(query: Query, client: Client, key: string, reply: (answer: Buffer) => void): void {
    const records = this.#fastRecords(query);
    if (records !== undefined) {
      if (client.answers.size >= maxCachedAnswers) client.answers.clear();
      client.answers.set(key, records);
      const start = randomStart(records, this.#directory.random);
      reply(respond(query.message, query.question, records, start));
      return;
    }
    const sendReply = (answer: Buffer): void => {
      if (rcodeOf(answer) === rcode.serverFailure) this.#counts.failures += 1;
      reply(answer);
    };
    void this.#runHandlers(query).then(sendReply, (error: unknown) => {
      this.#counts.failures += 1;
      this.#options.log.debug(`dns: query for ${query.name} failed: ${String(error)}`);
      reply(errorResponse(query.message, rcode.serverFailure));
    });
  }

  #fastRecords(query: Query): Records | undefined {
    // SRV needs the codec, and PTR names are not in the index; other types take the fast path.
    return query.question.type === recordType.SRV
      ? undefined
      : clusterRecords(this.#directory, query);
  }

  async #runHandlers(query: Query): Promise<Buffer> {
    await this.#resolvers.refresh();
    const gateways = new Set(this.#view.networks.map(({ gateway }) => gateway));
    const servers = query.upstreams.length > 0 ? query.upstreams : this.#resolvers.config.servers;
    // If the host's resolver points at this server, forwarding to it would loop.
    const upstreams = servers.filter((server) => !gateways.has(server));
    return runChain(this.#handlers, { ...query, upstreams });
  }

  #clientAt(address: string, networkId: NetworkId): Client | undefined {
    const key = `${address} ${networkId}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const index = this.#directory.index();
    // The host's source address depends on its routes and is rarely the gateway's.
    const scope =
      index.scopeOf(address, networkId) ??
      (this.#isLocalAddress(address) ? index.scopeOfHost(networkId) : undefined);
    if (scope === undefined) return undefined;
    if (this.#clients.size >= maxClients) this.#clients.clear();
    const { upstreams, searchDomains } = this.#local.get(address) ?? noDnsConfig;
    const client: Client = {
      scope,
      upstreams,
      searchDomains: searchDomains.map(bareDomain).filter((domain) => domain !== ''),
      answers: new Map(),
    };
    this.#clients.set(key, client);
    return client;
  }
}
