import type { Clock } from '../../manager/common/base/clock.js';
import type { Logger } from '../../manager/common/base/log.js';
import type { NetworkId, TaskId } from '../../manager/common/model/ids.js';
import type { Endpoint, NetworkView } from '../../manager/common/model/network-view.js';
import { runChain } from './chain.js';
import { cacheHandler } from './handlers/cache.js';
import { forwardHandler } from './handlers/forward.js';
import { reverseHandler } from './handlers/reverse.js';
import type { Directory } from './handlers/service.js';
import { localRecords, serviceHandler, startIn } from './handlers/service.js';
import { Listener } from './listener.js';
import { ownAddresses } from './own-addresses.js';
import type { Handler, Query } from './query.js';
import type { Scope } from './records.js';
import { NameIndex } from './records.js';
import { HostResolvers } from './resolvers.js';
import { exchange } from './upstream.js';
import type { Records } from './wire.js';
import {
  headerBytes,
  questionName,
  rcode,
  rcodeOf,
  type,
  readQuestion,
  refuse,
  respond,
} from './wire.js';

/** What a container of this node has of its own, by its address. */
export interface LocalContainer {
  /** Servers to ask instead of the host's for names of the outside, as `dns:` has them; empty for the host's. */
  readonly upstreams: readonly string[];
}

export interface DnsServerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** /etc/resolv.conf unless told. */
  readonly resolvConf?: string;
  /** 53 unless told. */
  readonly port?: number;
  /** In [0, 1); Math.random unless told. */
  readonly random?: () => number;
  /** Whether an address is this machine's; asks the system unless told. */
  readonly isOwn?: (address: string) => boolean;
}

/** One asker: what it sees, and the answers it was given since something last changed. */
interface Asker {
  readonly scope: Scope;
  readonly upstreams: readonly string[];
  readonly answers: Map<string, Records>;
}

/** Since the server was made. */
export interface DnsCounts {
  readonly queries: number;
  /** From what is known here; the others were sent on. */
  readonly answers: number;
  readonly forwarded: number;
  /** Answered with "server failure". */
  readonly failures: number;
}

/** Names per asker kept ready; past that all are made afresh. */
const maxReadyAnswers = 1_024;
const maxAskers = 8_192;

/**
 * The node's name server: on the gateway address of each network of the view, for the containers of that
 * network. It answers from the last view it was given, whoever else is alive.
 */
export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #resolvers: HostResolvers;
  readonly #handlers: readonly Handler[];
  readonly #directory: Directory;
  readonly #isOwn: (address: string) => boolean;
  readonly #listeners = new Map<string, Listener>();
  readonly #askers = new Map<string, Asker | undefined>();
  #view: NetworkView = { networks: [], endpoints: [] };
  #index: NameIndex | undefined;
  #down: ReadonlySet<TaskId> = new Set();
  #local: ReadonlyMap<string, LocalContainer> = new Map();
  #started = false;
  readonly #counts = { queries: 0, forwarded: 0, failures: 0 };

  constructor(options: DnsServerOptions) {
    this.#options = options;
    const { clock, resolvConf = '/etc/resolv.conf', random = Math.random } = options;
    this.#isOwn = options.isOwn ?? ownAddresses(clock);
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

  /** Names and gateways from now on. */
  setView(view: NetworkView): void {
    this.#view = view;
    this.#index = undefined;
    this.#askers.clear();
    if (this.#started) this.#listen();
  }

  /** Tasks known here to be down, whatever the view says: effective with the next answer. */
  setDown(taskIds: ReadonlySet<TaskId>): void {
    this.#down = taskIds;
    for (const asker of this.#askers.values()) asker?.answers.clear();
  }

  /** Containers of this node, by address on any of their networks. */
  setLocal(containers: ReadonlyMap<string, LocalContainer>): void {
    this.#local = containers;
    this.#askers.clear();
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
      const asker = this.#askerAt(from, networkId);
      if (asker === undefined) return;
      const question = readQuestion(message, transport);
      if (question === undefined) {
        // Not worth an answer when it is one itself: two servers would talk for ever.
        if (((message[2] ?? 0x80) & 0x80) === 0) reply(refuse(message, rcode.notImplemented));
        return;
      }
      this.#counts.queries += 1;
      const key = message.toString('latin1', headerBytes, question.end);
      const ready = asker.answers.get(key);
      if (ready !== undefined) {
        reply(respond(message, question, ready, startIn(ready, this.#directory.random)));
        return;
      }
      const { scope, upstreams } = asker;
      const name = questionName(message);
      this.#answer({ message, question, name, scope, transport, upstreams }, asker, key, reply);
    };
  }

  #answer(query: Query, asker: Asker, key: string, reply: (answer: Buffer) => void): void {
    const records = query.question.class === 1 ? this.#ready(query) : undefined;
    if (records !== undefined) {
      if (asker.answers.size >= maxReadyAnswers) asker.answers.clear();
      asker.answers.set(key, records);
      const start = startIn(records, this.#directory.random);
      reply(respond(query.message, query.question, records, start));
      return;
    }
    const told = (answer: Buffer): void => {
      if (rcodeOf(answer) === rcode.serverFailure) this.#counts.failures += 1;
      reply(answer);
    };
    void this.#slowly(query).then(told, (error: unknown) => {
      this.#counts.failures += 1;
      this.#options.log.debug(`names: ${query.name}: ${String(error)}`);
      reply(refuse(query.message, rcode.serverFailure));
    });
  }

  #ready(query: Query): Records | undefined {
    // SRV and PTR have answers of their own; everything else about a name of ours is quick.
    return query.question.type === type.SRV ? undefined : localRecords(this.#directory, query);
  }

  async #slowly(query: Query): Promise<Buffer> {
    await this.#resolvers.refresh();
    const own = new Set(this.#view.networks.map(({ gateway }) => gateway));
    const servers = query.upstreams.length > 0 ? query.upstreams : this.#resolvers.config.servers;
    // A host that was told to ask us would make us ask ourselves.
    const upstreams = servers.filter((server) => !own.has(server));
    return runChain(this.#handlers, { ...query, upstreams });
  }

  #askerAt(address: string, networkId: NetworkId): Asker | undefined {
    const key = `${address} ${networkId}`;
    const known = this.#askers.get(key);
    if (known !== undefined) return known;
    const index = this.#directory.index();
    // The machine asks from whichever address its routes choose, mostly not from the gateway's.
    const scope =
      index.scopeOf(address, networkId) ??
      (this.#isOwn(address) ? index.scopeOfMachine(networkId) : undefined);
    if (scope === undefined) return undefined;
    if (this.#askers.size >= maxAskers) this.#askers.clear();
    const upstreams = this.#local.get(address)?.upstreams ?? [];
    const asker: Asker = { scope, upstreams, answers: new Map() };
    this.#askers.set(key, asker);
    return asker;
  }
}
