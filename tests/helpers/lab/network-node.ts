import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Machine } from '../../../fixtures/lab/machine.js';
import type { NetworkId } from '../../../manager/common/model/ids.js';
import type {
  NetworkView,
  ContainerDnsConfig,
} from '../../../manager/common/model/network-view.js';

export type NodeRequest =
  | { readonly op: 'view'; readonly view: NetworkView }
  | { readonly op: 'ready'; readonly networkId: NetworkId; readonly timeoutMs: number }
  | { readonly op: 'down'; readonly taskIds: readonly string[] }
  | {
      readonly op: 'local';
      readonly containers: readonly (readonly [string, ContainerDnsConfig])[];
    }
  | { readonly op: 'present' | 'purge' | 'stop' };

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const program = fileURLToPath(new URL('./network-node-main.js', import.meta.url));

/** The network half of a worker, running in a lab machine. */
export class NetworkNode {
  readonly machine: Machine;
  /** Log lines. */
  readonly log: string[] = [];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #lastId = 0;

  constructor(machine: Machine, resolvConf = '/etc/resolv.conf') {
    this.machine = machine;
    const enter = ['--target', String(machine.initPid), '--net', process.execPath, program];
    const child = spawn('nsenter', [...enter, machine.address, machine.engineSocket, resolvConf]);
    this.#child = child;
    createInterface({ input: child.stderr }).on('line', (line) => this.log.push(line));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const answer = JSON.parse(line) as { id: number; value?: unknown; error?: string };
      const pending = this.#pending.get(answer.id);
      this.#pending.delete(answer.id);
      if (answer.error === undefined) pending?.resolve(answer.value);
      else pending?.reject(new Error(answer.error));
    });
    this.#ended = new Promise((resolve) => {
      child.once('close', () => {
        for (const { reject } of this.#pending.values())
          reject(new Error(`the node's program ended: ${this.log.at(-1) ?? ''}`));
        resolve();
      });
    });
  }

  /** Process id on the host, to read its memory or freeze it. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask(request: NodeRequest): Promise<unknown> {
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ id, request })}\n`);
    });
  }

  /** Sets a view and waits until all its networks are in place. */
  async settle(view: NetworkView, timeoutMs = 20_000): Promise<void> {
    await this.ask({ op: 'view', view });
    for (const { id } of view.networks) await this.ask({ op: 'ready', networkId: id, timeoutMs });
  }

  /** Ends the program like a stopped worker: networks and bridges stay. */
  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }

  /** Kills the program without warning. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
