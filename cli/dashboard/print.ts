import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../manager/common/base/errors.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { table } from '../output/table.js';
import { runFeed } from './feed.js';
import { unicodeGlyphs } from './view-model/paint/glyphs.js';
import { ListCache } from './view-model/state/list-cache.js';
import { listScreen } from './view-model/state/model.js';
import type { RenderContext } from './view-model/state/view.js';
import type { ListName } from './view-model/views/all.js';
import { ClusterState } from './view-model/state/cluster-state.js';

export interface PrintFlags {
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** Maximum wait for state and statistics; a node that is down never reports. */
const settleTimeoutMs = 3_500;
const periodMs = 1_000;
const printedViews: readonly ListName[] = ['machines', 'services', 'tasks'];
/** Columns that the plain tables omit: graphs and secondary details. */
const omittedColumns = new Set(['trend', 'io', 'address', 'mode', 'labels']);

/**
 * Prints the cluster without a terminal: tables, or JSON with --json; with --watch a JSON line each
 * second. Throws `unavailable` or `timeout` if the manager cannot be reached.
 */
export async function printCluster(
  cli: Cli,
  client: ControlClient,
  flags: PrintFlags,
): Promise<void> {
  const world = new ClusterState(client.cluster);
  const ending = new AbortController();
  const signal = AbortSignal.any([cli.interrupts.signal, ending.signal]);
  const following = runFeed({ client, world, now: cli.now, changed: () => undefined, signal });
  try {
    await waitForData(cli, world);
    for (;;) {
      const look: RenderContext = { world, now: cli.now(), glyphs: unicodeGlyphs, commands: [] };
      const asJson = flags.json === true || flags.watch === true;
      cli.stdout.write(asJson ? `${JSON.stringify(record(look))}\n` : tables(look));
      if (flags.watch !== true) return;
      await sleep(periodMs, undefined, { signal }).catch(() => undefined);
      if (cli.interrupts.signal.aborted) throw new AppError('cancelled', 'interrupted');
    }
  } finally {
    ending.abort();
    await following;
  }
}

async function waitForData(cli: Cli, world: ClusterState): Promise<void> {
  const { signal } = cli.interrupts;
  const began = performance.now();
  while (performance.now() - began < settleTimeoutMs) {
    if (signal.aborted) throw new AppError('cancelled', 'interrupted');
    const { state, message } = world.connection;
    if (state === 'lost') throw new AppError('unavailable', message);
    const running = [...world.tasks.values()].filter(({ status }) => status.state === 'running');
    const measured = running.every(({ id }) => (world.history.get(id)?.length ?? 0) >= 2);
    if (state === 'live' && measured && performance.now() - began > 100) return;
    await sleep(50);
  }
  if (world.connection.state === 'connecting') {
    throw new AppError('timeout', `manager of cluster ${world.cluster} did not respond in time`);
  }
}

function tables(look: RenderContext): string {
  return printedViews
    .map((name) => {
      const { view, rows } = new ListCache().of(listScreen(name), look);
      const columns = view.columns.filter(({ key }) => !omittedColumns.has(key));
      return table(
        columns.map(({ title }) => title),
        rows.map(({ item }) => columns.map((column) => column.text(item, look))),
      );
    })
    .join('\n');
}

function record({ world, now }: RenderContext): object {
  return {
    at: new Date(now).toISOString(),
    cluster: world.cluster,
    nodes: [...world.nodes.values()].map((node) => ({
      id: node.id,
      name: node.spec.name,
      state: node.status.state,
      availability: node.spec.availability,
      use: world.nodeUse.get(node.id),
    })),
    services: [...world.services.values()].map(({ id, spec }) => ({
      id,
      project: spec.project,
      service: spec.service,
      replicas: spec.mode.kind === 'replicated' ? spec.mode.replicas : undefined,
      halted: spec.halted,
    })),
    tasks: world.currentTasks().map((task) => ({
      id: task.id,
      name: task.containerName,
      node: world.nodeOf(task)?.spec.name,
      state: task.status.state,
      health: task.status.health,
      restarts: task.status.restarts ?? 0,
      use: world.taskUse.get(task.id),
    })),
  };
}
