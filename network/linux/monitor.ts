import { backoffMs } from '../../manager/common/base/backoff.js';
import type { Clock } from '../../manager/common/base/clock.js';
import { follow } from './run.js';

/**
 * The kernel's word that something of ours changed. `-p`-less text output; lines that name none of our
 * devices (containers come and go all the time) are dropped here.
 */
const sources = [
  ['ip', 'monitor', 'link', 'address', 'neigh'],
  ['bridge', 'monitor', 'fdb'],
] as const;

const ours = /\bsh(?:vx)?\d+\b/;
/** Containers' own entries on a bridge of ours: learned, not planned. */
const learned = /^(?:Deleted )?[\da-f:]{17} dev (?!shvx)/;
/** A container's end on a bridge of ours: whoever starts or stops it knows. */
const containerPort = /^(?:Deleted )?\d+: veth/;
const onBridgeNeighbour = /^(?:Deleted )?[\d.]+ dev sh\d+ /;

/** Whether a line of `ip monitor` or `bridge monitor` may mean that something planned changed. */
export function concernsUs(line: string): boolean {
  return (
    ours.test(line) &&
    !learned.test(line) &&
    !containerPort.test(line) &&
    !onBridgeNeighbour.test(line)
  );
}

export interface MonitorOptions {
  readonly clock: Clock;
  /** Called once for any number of events within a fifth of a second. */
  readonly onChange: () => void;
}

/** Owns the two long-lived children; one that dies is started again, later each time. */
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
    const since = this.#options.clock.elapsed();
    this.#children.set(
      key,
      follow(
        argv,
        (line) => {
          if (concernsUs(line)) this.#notice();
        },
        () => {
          this.#restart(argv, this.#options.clock.elapsed() - since > 60_000 ? 1 : failures + 1);
        },
      ),
    );
  }

  #restart(argv: readonly string[], failures: number): void {
    if (this.#closed) return;
    // Whatever happened while nobody listened is found by looking.
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
