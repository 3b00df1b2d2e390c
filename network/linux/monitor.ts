import { backoffMs } from '../../manager/common/base/backoff.js';
import type { Clock } from '../../manager/common/base/clock.js';
import { tableFamily, tableName } from '../plan/table.js';
import { engineChain } from './engine-firewall.js';
import { streamLines } from './run.js';

/**
 * Sources of kernel events, in text output without `-p`. Lines about other objects than Shoal's are
 * dropped here, as containers of the host start and stop all the time.
 */
const sources = [
  ['ip', 'monitor', 'link', 'address', 'neigh', 'route'],
  ['bridge', 'monitor', 'fdb'],
  ['nft', 'monitor'],
] as const;

const shoalDevice = /\bsh(?:vx)?\d+\b/;
/** Learned FDB entries of containers on a Shoal bridge, which the plan does not cover. */
const learnedEntry = /^(?:Deleted )?[\da-f:]{17} dev (?!shvx)/;
/** veth ports of containers: the executor already knows about their start and stop. */
const containerPort = /^(?:Deleted )?\d+: veth/;
const onBridgeNeighbour = /^(?:Deleted )?[\d.]+ dev sh\d+ /;
/** Routes of containers' networks; the default route may change the uplink. */
const route =
  /^(?:Deleted )?(?:local |broadcast |unicast )?[\d.]+(?:\/\d+)? dev \S+ (?:table|proto|scope) /;
const defaultRoute = /^(?:Deleted )?default via /;
/** An IPv4 address of an interface; the engine gives its own bridges addresses too, but rarely. */
const interfaceAddress = /^(?:Deleted )?\d+: (?!veth)\S+\s+inet /;
const nftEvent = /^(?:add|create|delete|destroy|flush|insert|replace|#) /;
/** Rules of Shoal's table and of the engine's chain for users, which has Shoal's accept rules. */
const rules = new RegExp(
  String.raw`\s(?:${tableFamily} ${tableName}|\w+ \w+ ${engineChain})(?:\s|$)`,
  'u',
);

/**
 * True if a line of `ip monitor`, `bridge monitor` or `nft monitor` may indicate a change of
 * planned state.
 */
export function isRelevantEvent(line: string): boolean {
  if (nftEvent.test(line)) return rules.test(line);
  if (defaultRoute.test(line) || interfaceAddress.test(line)) return true;
  return (
    shoalDevice.test(line) &&
    !route.test(line) &&
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

/** Owns the monitor processes and restarts one that exits, with back-off. */
export class KernelMonitor {
  readonly #options: MonitorOptions;
  readonly #children = new Map<string, { close(): void }>();
  readonly #cancels = new Map<string, () => void>();
  /** Start of each running source, ms on the monotonic clock. */
  readonly #startedAt = new Map<string, number>();
  #cancelNotice: (() => void) | undefined;
  #closed = false;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  /** True if every source has been running for a second: no event is missed. */
  get isComplete(): boolean {
    const settled = this.#options.clock.elapsed() - 1_000;
    return sources.every((argv) => (this.#startedAt.get(argv.join(' ')) ?? Infinity) <= settled);
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
    this.#startedAt.set(key, startedAtMs);
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
    this.#startedAt.delete(argv.join(' '));
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
