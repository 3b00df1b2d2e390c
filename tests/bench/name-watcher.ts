import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Machine } from '../../fixtures/lab/machine.js';

const program = fileURLToPath(new URL('./dns-watch.js', import.meta.url));

export interface Answer {
  /** ms since the epoch. */
  readonly at: number;
  readonly addresses: readonly string[];
}

/** What a name resolves to on one machine, from now on, asked of the server on `gateway` every 5 ms. */
export class NameWatcher {
  readonly machine: Machine;
  readonly answers: Answer[] = [];
  readonly #end: () => void;

  constructor(machine: Machine, gateway: string, name: string) {
    this.machine = machine;
    const enter = ['--target', String(machine.initPid), '--net', process.execPath, program];
    const child = spawn('nsenter', [...enter, gateway, name], {
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

  /** When, after `since`, the address was first missing from the answers. */
  goneAt(address: string, since: number): number | undefined {
    return this.answers.find((answer) => answer.at >= since && !answer.addresses.includes(address))
      ?.at;
  }

  close(): void {
    this.#end();
  }
}
