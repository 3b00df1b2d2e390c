import { backoffMs } from '../../manager/common/base/backoff.js';
import type { Clock } from '../../manager/common/base/clock.js';
import { streamLines } from './run.js';

/**
 * Kernel events about Shoal's devices, in text output without `-p`. Lines without one of these
 * devices are dropped here, as containers of the host start and stop all the time.
 */
const sources = [
  ['ip', 'monitor', 'link', 'address', 'neigh'],
  ['bridge', 'monitor', 'fdb'],
] as const;

const shoalDevice = /\bsh(?:vx)?\d+\b/;
/** Learned FDB entries of containers on a Shoal bridge, which the plan does not cover. */
const learnedEntry = /^(?:Deleted )?[\da-f:]{17} dev (?!shvx)/;
/** veth ports of containers: the executor already knows about their start and stop. */
const containerPort = /^(?:Deleted )?\d+: veth/;
const onBridgeNeighbour = /^(?:Deleted )?[\d.]+ dev sh\d+ /;

/** True if a line of `ip monitor` or `bridge monitor` may indicate a change of planned state. */
export function isRelevantEvent(line: string): boolean {
  return (
    shoalDevice.test(line) &&
    !learnedEntry.test(line) &&
    !containerPort.test(line) &&
    !onBridgeNeighbour.test(line)
  );
}

export interface MonitorOptions {
  readonly clock: Clock;
  /** Called once for all events within 200 ms. */
  readonly onChange: () => void;
}

/** Owns the two monitor processes and restarts one that exits, with back-off. */
export class KernelMonitor {
  readonly #options: MonitorOptions;
  readonly #children = new Map<string, { close(): void }>();
  readonly #cancels = new Map<string, () => void>();
  #cancelNotice: (() => void) | undefined;
  #closed = false;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  start(): void {
    for (const argv of sources) this.#follow(argv, 0);
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#cancels.values()) cancel();
    for (const child of this.#children.values()) child.close();
    this.#cancelNotice?.();
    this.#children.clear();
  }

  #follow(argv: readonly string[], failures: number): void {
    const key = argv.join(' ');
    const startedAtMs = this.#options.clock.elapsed();
    this.#children.set(
      key,
      streamLines(
        argv,
        (line) => {
          if (isRelevantEvent(line)) this.#notice();
        },
        () => {
          this.#restart(
            argv,
            this.#options.clock.elapsed() - startedAtMs > 60_000 ? 1 : failures + 1,
          );
        },
      ),
    );
  }

  #restart(argv: readonly string[], failures: number): void {
    if (this.#closed) return;
    // Events may have been missed while the process was down, so a resync is requested.
    this.#notice();
    const wait = backoffMs({ firstMs: 500, maxMs: 30_000 }, failures, 0.5);
    const cancel = this.#options.clock.after(wait, () => {
      this.#follow(argv, failures);
    });
    this.#cancels.set(argv.join(' '), cancel);
  }

  #notice(): void {
    if (this.#closed || this.#cancelNotice !== undefined) return;
    this.#cancelNotice = this.#options.clock.after(200, () => {
      this.#cancelNotice = undefined;
      this.#options.onChange();
    });
  }
}
