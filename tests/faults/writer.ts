import { setTimeout as pause } from 'node:timers/promises';
import type { ControlClient } from '../../cli/client/client.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { ProbeSample } from './outages.js';
import { Ledger } from './ledger.js';
import { hostSeconds } from './probe.js';

const labels = 40;
const callTimeoutMs = 5_000;
const pauseMs = 100;
/** One request out of this many scales `tide`. */
const scaleEvery = 25;
const tide = 'tide';

/**
 * A user who constantly changes labels of a node and the number of replicas of `tide`, and records
 * every acknowledgement.
 */
export class Writer {
  readonly ledger = new Ledger();
  readonly asked: ProbeSample[] = [];
  readonly #client: ControlClient;
  readonly #node: string;
  /** Distinguishes its values from those of earlier writers. */
  readonly #life = Math.round(hostSeconds());
  #running = true;
  #at = 0;
  #done: Promise<void> = Promise.resolve();

  private constructor(client: ControlClient, node: string) {
    this.#client = client;
    this.#node = node;
  }

  /** Starts once it has read the current values. */
  static async start(client: ControlClient, node: string): Promise<Writer> {
    const writer = new Writer(client, node);
    for (const [name, value] of await writer.#currentValues()) writer.ledger.found(name, value);
    writer.#done = writer.#run();
    return writer;
  }

  /** Stops; one replica of `tide` is acknowledged in the end. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
    await waitFor('the last scale to be acknowledged', () => this.#scale(1), { timeoutMs: 60_000 });
  }

  /** Acknowledged values that the cluster has lost. */
  async lost(): Promise<readonly string[]> {
    return this.ledger.lost(await this.#currentValues());
  }

  /** The cluster's current values. */
  async #currentValues(): Promise<ReadonlyMap<string, string>> {
    const nodes = await this.#client.call('node.list', {});
    const node = nodes.find(({ spec }) => spec.name === this.#node);
    const services = await this.#client.call('service.list', { project: 'watch' });
    const mode = services.find(({ spec }) => spec.service === tide)?.spec.mode;
    const now = new Map(Object.entries(node?.spec.labels ?? {}));
    now.set(tide, mode?.kind === 'replicated' ? String(mode.replicas) : 'none');
    return now;
  }

  async #run(): Promise<void> {
    while (this.#running) {
      this.#at += 1;
      const at = hostSeconds();
      const scales = this.#at % scaleEvery === 0;
      const answered = await (scales
        ? this.#scale(1 + ((this.#at / scaleEvery) % 2))
        : this.#label());
      this.asked.push({ at, answered });
      await pause(pauseMs);
    }
  }

  #label(): Promise<boolean> {
    const name = `faults-${this.#at % labels}`;
    const value = `${this.#life}-${this.#at}`;
    return this.#request(name, value, () =>
      this.#client.call(
        'node.update',
        { node: this.#node, labelAdd: { [name]: value } },
        { timeoutMs: callTimeoutMs },
      ),
    );
  }

  #scale(replicas: number): Promise<boolean> {
    return this.#request(tide, String(replicas), () =>
      this.#client.call(
        'service.scale',
        { project: 'watch', replicas: { [tide]: replicas } },
        { timeoutMs: callTimeoutMs },
      ),
    );
  }

  async #request(name: string, value: string, call: () => Promise<unknown>): Promise<boolean> {
    this.ledger.ask(name, value);
    try {
      await call();
    } catch {
      return false;
    }
    this.ledger.acknowledge(name, value);
    return true;
  }
}
