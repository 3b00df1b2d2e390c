import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Machine } from '../../fixtures/lab/machine.js';

const program = fileURLToPath(new URL('./dns-watch.js', import.meta.url));

export interface Answer {
  /** ms since the epoch. */
  readonly at: number;
  readonly addresses: readonly string[];
}

/**
 * Records what a name resolves to in one container, by querying the server on `gateway` every 5 ms.
 */
export class NameWatcher {
  readonly machine: Machine;
  readonly answers: Answer[] = [];
  readonly #end: () => void;

  /** `pid` is a process of the container, in the machine's numbering. */
  constructor(
    machine: Machine,
    client: { readonly pid: number; readonly gateway: string },
    name: string,
  ) {
    this.machine = machine;
    const inside = '/srv/dns-watch.mjs';
    copyFileSync(program, machine.file(inside));
    const toMachine = ['--target', String(machine.initPid), '--mount', '--pid', 'nsenter'];
    const toContainer = ['--target', String(client.pid), '--net', process.execPath, inside];
    const child = spawn('nsenter', [...toMachine, ...toContainer, client.gateway, name], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.answers.push(JSON.parse(line) as Answer);
    });
    this.#end = () => child.stdin.end();
  }

  get last(): Answer | undefined {
    return this.answers.at(-1);
  }

  /** Time of the first answer since `since` that lacks the address. */
  goneAt(address: string, since: number): number | undefined {
    return this.answers.find((answer) => answer.at >= since && !answer.addresses.includes(address))
      ?.at;
  }

  close(): void {
    this.#end();
  }
}
