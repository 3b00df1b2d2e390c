import { AppError, messageOf } from '../../common/base/errors.js';
import type { Logger } from '../../common/base/log.js';
import type { Leader } from '../election.js';
import type { ConsulClient } from './client.js';

const ttl = '700ms';
const beatMs = 150;
const timeoutMs = 1_000;
/** What managers are called in Consul's catalog. */
export const managerService = 'shoal-manager';

export function managerServiceId(cluster: string, nodeId: string): string {
  return `${managerService}-${cluster}-${nodeId}`;
}

/** A manager that is gone for good is taken out of the catalog by Consul itself. */
const forgetAfter = '1h';

/**
 * This manager in Consul's catalog, service `shoal-manager`, with a health check that fails unless this
 * process says every 150 ms that it is alive. A listening port would not do: a stopped process still
 * accepts connections.
 */
export class ManagerCheck {
  readonly #client: ConsulClient;
  readonly #log: Logger;
  readonly #self: Leader;
  readonly #cluster: string;
  readonly #clusterId: string;
  readonly #service: string;
  #heardAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #beating = false;

  constructor(options: {
    readonly client: ConsulClient;
    readonly log: Logger;
    readonly self: Leader;
    readonly cluster: string;
    readonly clusterId: string;
  }) {
    this.#client = options.client;
    this.#log = options.log;
    this.#self = options.self;
    this.#cluster = options.cluster;
    this.#clusterId = options.clusterId;
    this.#service = managerServiceId(options.cluster, options.self.nodeId);
  }

  /** Its id in Consul. */
  get id(): string {
    return `service:${this.#service}`;
  }

  /** Since Consul last heard of us, ms. */
  get silentMs(): number {
    return performance.now() - this.#heardAt;
  }

  async start(): Promise<void> {
    if (this.#timer !== undefined) return;
    await this.#register();
    this.#timer = setInterval(() => {
      void this.#beat();
    }, beatMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    try {
      await this.#client.call((consul) =>
        consul.agent.service.deregister({ id: this.#service, ...options }),
      );
    } catch (error) {
      this.#log.debug(`consul: not taken out of the catalog: ${messageOf(error)}`);
    }
  }

  async #beat(): Promise<void> {
    if (this.#beating) return;
    this.#beating = true;
    try {
      await this.#client.call((consul) => consul.agent.check.pass({ id: this.id, ...options }));
      this.#heardAt = performance.now();
    } catch (error) {
      this.#log.debug(`consul: check not passed: ${messageOf(error)}`);
      if (this.#timer !== undefined) await this.#registerAgain();
    } finally {
      this.#beating = false;
    }
  }

  /** An agent that was started anew, or another one, does not know the check. */
  async #registerAgain(): Promise<void> {
    try {
      await this.#register();
    } catch (error) {
      this.#log.debug(`consul: not registered: ${messageOf(error)}`);
    }
  }

  async #register(): Promise<void> {
    const { host, port } = splitAddress(this.#self.address);
    await this.#client.call((consul) =>
      consul.agent.service.register({
        id: this.#service,
        name: managerService,
        tags: [this.#cluster],
        meta: {
          cluster: this.#cluster,
          'cluster-id': this.#clusterId,
          node: this.#self.nodeId,
        },
        address: host,
        port,
        check: {
          name: 'manager is alive',
          checkid: this.id,
          ttl,
          status: 'passing',
          deregistercriticalserviceafter: forgetAfter,
        } as never,
        ...options,
      }),
    );
    this.#heardAt = performance.now();
  }
}

/** The library's types do not know its deadlines. */
const options: object = { timeout: timeoutMs };

function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  const port = Number(address.slice(at + 1));
  if (at < 1 || !Number.isInteger(port)) {
    throw new AppError('invalid', `address must be HOST:PORT, not ${address}`);
  }
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port };
}
