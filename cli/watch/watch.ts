import { messageOf } from '../../manager/common/base/errors.js';
import type { ControlClient } from '../client/client.js';
import type { ServiceContainers } from './containers.js';
import { runHookInContainers, syncInto } from './containers.js';
import { PathWatcher } from './path-watcher.js';
import type { WatchRule } from './rules.js';
import type { TreeChange, TreeSnapshot } from './tree.js';
import { diffSnapshots, takeSnapshot } from './tree.js';

export interface WatchFilesOptions {
  readonly client: ControlClient;
  readonly project: string;
  readonly rules: readonly WatchRule[];
  /** Rebuilds the services' images and recreates their containers. */
  readonly rebuild: (services: readonly string[]) => Promise<void>;
  /** Prints one line for the user. */
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Timeout of a restart: stop grace period and start of every container, with a margin. */
const restartMs = 300_000;

interface WatchState {
  readonly rule: WatchRule;
  /** Snapshot that the containers are in sync with. */
  marks: TreeSnapshot;
}

interface PendingChange {
  readonly state: WatchState;
  readonly now: TreeSnapshot;
  readonly change: TreeChange;
}

/**
 * Watches the paths of the rules and carries out their actions until aborted. Level-triggered: each
 * pass compares the files with the snapshot of the containers, so changes during a pass need no
 * queue and a failed sync is retried by the next pass.
 */
export async function watchFiles(watching: WatchFilesOptions): Promise<void> {
  const { rules, signal, report: say } = watching;
  const hints = new PathWatcher(rules.map(({ path }) => path));
  try {
    const states: WatchState[] = [];
    for (const rule of rules) states.push({ rule, marks: await initialMarks(rule) });
    say('Watch enabled');
    while (!signal.aborted) {
      await reconcile(watching, states);
      await hints.next(signal);
    }
  } finally {
    hints.close();
  }
}

/** Snapshot of new containers: the files as built, or empty if the rule starts with a full sync. */
async function initialMarks(rule: WatchRule): Promise<TreeSnapshot> {
  return rule.initialSync && rule.action.startsWith('sync') ? new Map() : takeSnapshot(rule);
}

async function reconcile(
  watching: WatchFilesOptions,
  states: readonly WatchState[],
): Promise<void> {
  const pending: PendingChange[] = [];
  for (const state of states) {
    const now = await takeSnapshot(state.rule);
    const change = diffSnapshots(state.marks, now);
    if (change.changed.length + change.removed.length > 0) pending.push({ state, now, change });
  }
  const rebuilt = new Set(
    pending
      .filter(({ state }) => state.rule.action === 'rebuild')
      .map(({ state }) => state.rule.service),
  );
  if (rebuilt.size > 0) await rebuild(watching, [...rebuilt]);
  // Recreated containers contain the files of their new image.
  for (const state of states) {
    if (rebuilt.has(state.rule.service)) state.marks = await initialMarks(state.rule);
  }
  const services = new Set(pending.map(({ state }) => state.rule.service));
  for (const service of services) {
    if (rebuilt.has(service) || watching.signal.aborted) continue;
    await syncService(
      watching,
      service,
      pending.filter(({ state }) => state.rule.service === service),
    );
  }
}

async function rebuild(watching: WatchFilesOptions, services: readonly string[]): Promise<void> {
  const names = services.map((name) => `"${name}"`).join(' ');
  watching.report(`Rebuilding service(s) [${names}] after changes were detected...`);
  try {
    await watching.rebuild(services);
    watching.report(`service(s) [${names}] successfully built`);
  } catch (error) {
    // Not fatal: the next change triggers another build.
    if (!watching.signal.aborted)
      watching.report(`Failed to rebuild service(s) [${names}]: ${messageOf(error)}`);
  }
}

async function syncService(
  watching: WatchFilesOptions,
  service: string,
  pending: readonly PendingChange[],
): Promise<void> {
  const { client, project, signal, report: say } = watching;
  const containers: ServiceContainers = { client, project, service, signal };
  const count = pending.reduce(
    (sum, { change }) => sum + change.changed.length + change.removed.length,
    0,
  );
  try {
    say(`Syncing service "${service}" after ${String(count)} changes were detected`);
    for (const { state, change } of pending) {
      if (state.rule.action.startsWith('sync')) await syncInto(containers, state.rule, change);
    }
    for (const { state } of pending) {
      if (state.rule.action === 'sync+exec' && state.rule.exec)
        await runHookInContainers(containers, state.rule.exec);
    }
    if (pending.some(({ state: { rule } }) => rule.action.endsWith('restart'))) {
      const args = { project, services: [service], noDependents: true };
      await client.call('service.restart', args, {
        signal: AbortSignal.any([signal]),
        timeoutMs: restartMs,
      });
      say(`service(s) ["${service}"] restarted`);
    }
    for (const { state, now } of pending) state.marks = now;
  } catch (error) {
    if (!signal.aborted)
      say(`Error handling changed files of service "${service}": ${messageOf(error)}`);
  }
}
