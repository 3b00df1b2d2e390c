import { AppError, messageOf } from '../../common/base/errors.js';
import type { Logger } from '../../common/base/log.js';
import type { Leader } from '../election.js';
import type { ConsulClient } from './client.js';

const ttl = '700ms';
const beatMs = 150;
const timeoutMs = 1_000;
/** Service name of managers in Consul's catalog. */
export const managerService = 'shoal-manager';

export function managerServiceId(cluster: string, nodeId: string): string {
  return `${managerService}-${cluster}-${nodeId}`;
}

/** Consul deregisters a manager whose check is critical for this long. */
const deregisterAfter = '1h';

/**
 * Registration of this manager in Consul, service `shoal-manager`, with a 700 ms TTL check that the
 * process passes every 150 ms. A TCP check would not do: a stopped process still accepts
 * connections.
 */
export class ManagerCheck {
  readonly #client: ConsulClient;
  readonly #log: Logger;
  readonly #self: Leader;
  readonly #cluster: string;
  readonly #clusterId: string;
  readonly #service: string;
  readonly #elapsed: () => number;
  #passedAt: number;
  #timer: NodeJS.Timeout | undefined;
  #beating = false;

  constructor(options: {
    readonly client: ConsulClient;
    readonly log: Logger;
    readonly self: Leader;
    readonly cluster: string;
    readonly clusterId: string;
    /** Monotonic time, ms. */
    readonly elapsed: () => number;
  }) {
    this.#client = options.client;
    this.#log = options.log;
    this.#self = options.self;
    this.#cluster = options.cluster;
    this.#clusterId = options.clusterId;
    this.#elapsed = options.elapsed;
    this.#passedAt = options.elapsed();
    this.#service = managerServiceId(options.cluster, options.self.nodeId);
  }

  /** Check id in Consul. */
  get id(): string {
    return `service:${this.#service}`;
  }

  /** Time since the check last passed, ms. */
  get silentMs(): number {
    return this.#elapsed() - this.#passedAt;
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
      this.#log.debug(`consul: deregistration failed: ${messageOf(error)}`);
    }
  }

  async #beat(): Promise<void> {
    if (this.#beating) return;
    this.#beating = true;
    try {
      await this.#client.call((consul) => consul.agent.check.pass({ id: this.id, ...options }));
      this.#passedAt = this.#elapsed();
    } catch (error) {
      this.#log.debug(`consul: health check update failed: ${messageOf(error)}`);
      if (this.#timer !== undefined) await this.#registerAgain();
    } finally {
      this.#beating = false;
    }
  }

  /** Registers again: a restarted or different agent does not know the check. */
  async #registerAgain(): Promise<void> {
    try {
      await this.#register();
    } catch (error) {
      this.#log.debug(`consul: registration failed: ${messageOf(error)}`);
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
          deregistercriticalserviceafter: deregisterAfter,
        } as never,
        ...options,
      }),
    );
    this.#passedAt = this.#elapsed();
  }
}

/** Request options; the library's types lack `timeout`. */
const options: object = { timeout: timeoutMs };

function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  const port = Number(address.slice(at + 1));
  if (at < 1 || !Number.isInteger(port)) {
    throw new AppError('invalid', `manager address must be HOST:PORT, not ${address}`);
  }
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port };
}
