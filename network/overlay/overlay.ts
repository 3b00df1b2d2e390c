import { backoffMs } from '../../manager/common/base/backoff.js';
import type { Clock } from '../../manager/common/base/clock.js';
import { AppError, isAppError, isConflict } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import { ReconcileLoop } from '../../manager/common/base/loop.js';
import type { NetworkId } from '../../manager/common/model/ids.js';
import type { NetworkView, StuckRemoval } from '../../manager/common/model/network-view.js';
import { KernelMonitor } from '../linux/monitor.js';
import { deleteTable, loadRuleset, readTable } from '../linux/nft.js';
import { raiseNeighbourLimits } from '../linux/sysctl.js';
import { findUplink } from '../linux/uplink.js';
import type { Change } from '../plan/change.js';
import { describeNetworkChange } from '../plan/change.js';
import { diff, removeAll } from '../plan/diff.js';
import { needSameKernelState, changedNetworks } from '../plan/compare-views.js';
import type { ObservedState } from '../plan/observed.js';
import { fixedRuleset } from '../plan/ruleset.js';
import { loadText } from '../plan/table.js';
import { wantedState } from '../plan/wanted.js';
import type { ApplyProblem } from './apply.js';
import { applyChanges } from './apply.js';
import type { BridgeNetworks } from '../plan/bridge-networks.js';
import type { OverlayCounters } from './counts.js';
import { ChangeCounter } from './counts.js';
import { observe } from './observe.js';
import { ReadyWaiters } from './ready-waiters.js';

export interface OverlayOptions {
  readonly bridges: BridgeNetworks;
  /** Underlay address of this node, the VTEP in other nodes' entries. */
  readonly address: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Receives the ids of Shoal networks that exist on this machine in any form, and those that the
 * engine refuses to remove.
 */
export type NetworksListener = (ids: readonly NetworkId[], stuck: readonly StuckRemoval[]) => void;

/** Time after which a refused removal is reported, ms: containers take a while to be removed. */
const stuckMs = 20_000;

/**
 * Interval between observations (ms) while the kernel reports every change, and while it may not:
 * a monitor process has ended, the engine does not answer, or its rules are in legacy tables.
 */
const resyncMs = { monitored: 15_000, unmonitored: 3_000 } as const;

/**
 * Observations per turn: after applying changes the turn observes again, and applies what that
 * reveals.
 */
const observationsPerTurn = 4;
const retryBackoff = { firstMs: 200, maxMs: 5_000 } as const;

/**
 * Reconciles bridges, tunnels, entries, the nft table and the engine's networks with the view.
 * Before the first view it only confines containers: a returning machine must not rejoin the overlay
 * with its former tasks.
 */
export class Overlay {
  readonly #options: OverlayOptions;
  readonly #loop: ReconcileLoop;
  readonly #monitor: KernelMonitor;
  readonly #waiters = new ReadyWaiters();
  readonly #listeners = new Set<NetworksListener>();
  readonly #ports = new Map<string, readonly string[]>();
  readonly #logged = new Map<string, string>();
  readonly #counts = new ChangeCounter();
  #view: NetworkView | undefined;
  #present: readonly NetworkId[] | undefined;
  /** Refused removals by network, with the time of the first refusal. */
  #refused: ReadonlyMap<NetworkId, { readonly since: number; readonly problem: string }> =
    new Map();
  #stuck: readonly StuckRemoval[] = [];
  /** Whether the last observation reached the engine and found no rules that no event reports. */
  #isSeenInFull = false;
  #failures = 0;
  #isConfined = false;
  #cancelRetry: (() => void) | undefined;

  constructor(options: OverlayOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#loop = new ReconcileLoop({
      name: 'overlay',
      clock,
      log,
      resyncMs: () => (this.#isMonitored ? resyncMs.monitored : resyncMs.unmonitored),
      reconcile: (signal) => this.#turn(signal),
    });
    this.#monitor = new KernelMonitor({
      clock,
      onChange: () => {
        this.#loop.trigger();
      },
    });
  }

  get #isMonitored(): boolean {
    return this.#monitor.isComplete && this.#isSeenInFull;
  }

  get counts(): OverlayCounters {
    return this.#counts.snapshot(this.#view);
  }

  start(): void {
    this.#monitor.start();
    void raiseNeighbourLimits();
    this.#loop.start();
  }

  /** Stops reconciling and leaves every device, entry and network in place. */
  async stop(): Promise<void> {
    this.#cancelRetry?.();
    this.#monitor.close();
    await this.#loop.stop();
    this.#waiters.failAll(new AppError('cancelled', 'overlay is stopped'));
  }

  setView(view: NetworkView): void {
    const before = this.#view;
    // Most views differ only in endpoint health; observing the kernel for each would cost more than
    // the start of the container that caused it.
    if (before !== undefined && needSameKernelState(before, view)) return;
    if (before !== undefined) this.#waiters.forget(changedNetworks(before, view));
    this.#view = view;
    this.#loop.trigger();
  }

  /**
   * Resolves once the network of the current view is in place on this machine: engine network,
   * bridge, tunnel, all entries. When the signal aborts it fails with the problem that blocks the
   * network.
   */
  ready(networkId: NetworkId, signal: AbortSignal): Promise<{ readonly engineNetwork: string }> {
    return this.#waiters.wait(networkId, signal);
  }

  /**
   * Reports the networks that exist here, at once if known and on each change; returns the
   * unsubscribe function.
   */
  onNetworksChanged(listener: NetworksListener): () => void {
    this.#listeners.add(listener);
    if (this.#present) listener(this.#present, this.#stuck);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Removes all Shoal objects when the node leaves the cluster; call after `stop`. Fails while
   * containers are attached.
   */
  async purge(signal: AbortSignal): Promise<void> {
    const { bridges, log } = this.#options;
    // The second round removes bridges whose networks were removed in the first.
    for (let round = 0; round < 2; round += 1) {
      const { seen } = await observe(bridges, log, signal);
      const problems = await applyChanges(removeAll(seen), bridges, signal);
      const [first] = problems;
      if (first && round > 0) throw first.error;
    }
    await deleteTable(signal).catch((error: unknown) => {
      if (!isAppError(error) || error.kind !== 'not-found') throw error;
    });
  }

  async #turn(signal: AbortSignal): Promise<void> {
    let problems: ApplyProblem[] = [];
    for (let round = 0; round < observationsPerTurn; round += 1) {
      const view = this.#view;
      if (view === undefined) {
        await this.#confine(signal);
        return;
      }
      const { seen, changes } = await this.#plan(view, signal);
      this.#settle(view, seen, changes, problems);
      if (changes.length === 0) {
        problems = [];
        break;
      }
      // Failed changes are left to the retry.
      if (round > 0 && problems.length > 0) break;
      this.#logChanges(changes);
      problems = await applyChanges(changes, this.#options.bridges, signal);
      this.#counts.failed(problems.length);
    }
    this.#noteRefusals(problems);
    this.#retryAfter(problems);
  }

  /**
   * Loads the rules that hold on every node, once, unless a former program left a table: containers
   * of the engine may run before the first view.
   */
  async #confine(signal: AbortSignal): Promise<void> {
    if (this.#isConfined) return;
    try {
      if ((await readTable(signal)) === undefined)
        await loadRuleset(loadText(fixedRuleset), signal);
    } catch (error) {
      // A missing nft is reported when the table is loaded for a view.
      if (!isAppError(error) || error.kind !== 'not-found') throw error;
    }
    this.#isConfined = true;
  }

  async #plan(
    view: NetworkView,
    signal: AbortSignal,
  ): Promise<{ readonly seen: ObservedState; readonly changes: readonly Change[] }> {
    const { bridges, address, log } = this.#options;
    const { seen, kernel, legacyTables } = await observe(bridges, log, signal);
    this.#isSeenInFull = seen.engine !== undefined && !legacyTables;
    const changes = diff(wantedState(view, findUplink(address, kernel)), seen, this.#ports);
    this.#rememberPorts(seen);
    this.#counts.found(view, changes.length);
    return { seen, changes };
  }

  #settle(
    view: NetworkView,
    seen: ObservedState,
    changes: readonly Change[],
    problems: readonly ApplyProblem[],
  ): void {
    // The view may have been replaced meanwhile: only networks that are equal in both views count.
    const changed = new Set(this.#view === undefined ? [] : changedNetworks(view, this.#view));
    const pending = new Set(changes.map(({ networkId }) => networkId));
    const blocked = new Set(changes.filter((change) => !isEntry(change)).map((c) => c.networkId));
    this.#waiters.settle(
      // A ready network stays ready while entries of remote endpoints change.
      view.networks.filter(
        ({ id }) => !changed.has(id) && !(this.#waiters.has(id) ? blocked : pending).has(id),
      ),
      new Map(problems.map(({ networkId, message }) => [networkId, message])),
    );
    if (seen.engine === undefined) return;
    const ids = seen.engine.map(({ networkId }) => networkId).sort();
    if (this.#present && ids.join() === this.#present.join()) return;
    this.#present = ids;
    for (const listener of this.#listeners) listener(ids, this.#stuck);
  }

  /** Reports removals that the engine has refused for longer than containers take to go. */
  #noteRefusals(problems: readonly ApplyProblem[]): void {
    const now = this.#options.clock.elapsed();
    const refused = new Map<NetworkId, { readonly since: number; readonly problem: string }>();
    for (const { kind, networkId, message, error } of problems) {
      if (kind !== 'remove-network' || networkId === undefined || !isConflict(error)) continue;
      const since = this.#refused.get(networkId)?.since ?? now;
      refused.set(networkId, { since, problem: message });
    }
    this.#refused = refused;
    const stuck = [...refused]
      .filter(([, { since }]) => now - since >= stuckMs)
      .map(([networkId, { problem }]) => ({ networkId, problem }));
    if (JSON.stringify(stuck) === JSON.stringify(this.#stuck)) return;
    this.#stuck = stuck;
    for (const listener of this.#listeners) listener(this.#present ?? [], stuck);
  }

  /**
   * Remembers the ports of each bridge: deleting a bridge detaches them, and the kernel keeps no
   * record.
   */
  #rememberPorts(seen: ObservedState): void {
    const ports = new Map<string, string[]>();
    for (const [port, bridge] of seen.ports)
      if (bridge !== undefined) ports.set(bridge, [...(ports.get(bridge) ?? []), port]);
    for (const name of seen.bridges.keys()) {
      const detached = (this.#ports.get(name) ?? []).filter(
        (port) => seen.ports.has(port) && seen.ports.get(port) === undefined,
      );
      this.#ports.set(name, [...(ports.get(name) ?? []), ...detached]);
    }
    for (const [name, remembered] of this.#ports)
      if (!seen.bridges.has(name) && !remembered.some((port) => seen.ports.has(port)))
        this.#ports.delete(name);
  }

  #retryAfter(problems: readonly ApplyProblem[]): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    const current = new Map(problems.map((problem) => [problemKey(problem), problem]));
    for (const [key, { message, error }] of current) {
      // A network with containers still attached is an expected wait. Each problem is logged once,
      // not every turn.
      if (this.#logged.get(key) === message) continue;
      this.#options.log[isConflict(error) ? 'info' : 'warn'](`overlay: ${message}`);
      this.#logged.set(key, message);
    }
    for (const key of this.#logged.keys()) if (!current.has(key)) this.#logged.delete(key);
    this.#failures = problems.length === 0 ? 0 : this.#failures + 1;
    if (this.#failures === 0) return;
    this.#cancelRetry = this.#options.clock.after(
      backoffMs(retryBackoff, this.#failures, 0.5),
      () => {
        this.#loop.trigger();
      },
    );
  }

  #logChanges(changes: readonly Change[]): void {
    const { log } = this.#options;
    for (const change of changes.slice(0, 20)) log.debug(describeNetworkChange(change));
    log.debug(`overlay: ${String(changes.length)} changes`);
  }
}

function isEntry({ kind }: Change): boolean {
  return kind === 'put-remote' || kind === 'remove-remote' || kind === 'remove-neighbour';
}

const problemKey = ({ kind, networkId }: ApplyProblem): string => `${kind} ${networkId ?? ''}`;
