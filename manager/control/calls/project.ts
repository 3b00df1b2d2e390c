import { AppError } from '../../common/base/errors.js';
import type { NodeId, VolumeId } from '../../common/model/ids.js';
import type { AppliedChange, ProjectApplyResult } from '../../common/protocol/project-calls.js';
import type { Transaction } from '../../store/store.js';
import { applyProject, markServiceRemoved } from '../apply-project.js';
import { checkDeployment } from '../check-deployment.js';
import { Args } from '../args.js';
import type { CallContext, ControlCalls } from '../context.js';
import { removeProjectData } from '../data.js';
import { findServices } from '../find.js';
import { setStopTimeout } from '../stop-timeout.js';
import { readApply } from './read-apply.js';

const listDeadlineMs = 5_000;

/** Adds external volumes that users created on the nodes to the store. */
async function adoptVolumes(context: CallContext, names: readonly string[]): Promise<void> {
  const { store, workers, newId, signal } = context;
  const unknown = names.filter((name) => store.view.volumeByName(name) === undefined);
  if (unknown.length === 0) return;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(listDeadlineMs)]);
  const holders = new Map<string, NodeId[]>();
  await Promise.all(
    store.view.list('nodes').map(async ({ id }) => {
      // Nodes that do not answer within the deadline count as having no volumes.
      const found = await workers.call(id, 'listVolumes', {}, deadline).catch(() => []);
      for (const { name } of found) holders.set(name, [...(holders.get(name) ?? []), id]);
    }),
  );
  await store.update('control', (tx) => {
    for (const name of unknown) {
      const nodeIds = holders.get(name);
      if (nodeIds === undefined || tx.volumeByName(name) !== undefined) continue;
      const spec = { name, project: '', key: name, driver: 'local', driverOpts: {}, labels: {} };
      tx.create('volumes', {
        id: newId() as VolumeId,
        spec: { ...spec, external: true },
        nodeIds,
        removing: false,
      });
    }
  });
}

async function apply(context: CallContext, value: unknown): Promise<ProjectApplyResult> {
  const input = readApply(value);
  const { store, newId, access, clusterView } = context;
  checkDeployment(access, input, clusterView);
  await adoptVolumes(context, input.externalVolumes);
  if (input.dryRun) {
    // The changes of the objects come first: this also validates the project.
    const applied = applyProject({ tx: undefined, view: store.view, newId }, input);
    const planned = await context.preview?.(input.project, (tx) =>
      applyProject({ tx, view: tx, newId }, input),
    );
    return planned === undefined ? applied : { ...applied, steps: planned.steps };
  }
  return store.update('control', (tx) => {
    checkDeployment(access, input, tx);
    return applyProject({ tx, view: tx, newId }, input);
  });
}

function remove(
  tx: Transaction,
  input: {
    readonly project: string;
    readonly volumes: boolean;
    readonly services: readonly string[];
    readonly timeoutMs: number | undefined;
  },
): ProjectApplyResult {
  const { project } = input;
  const services = findServices(tx, project, input.services);
  const changes: AppliedChange[] = services.map((service) => {
    setStopTimeout(tx, service, input.timeoutMs);
    return markServiceRemoved(tx, service, 'requested');
  });
  if (input.services.length > 0) return { changes, orphans: [] };
  for (const network of tx.list('networks')) {
    if (network.spec.project !== project) continue;
    changes.push(removeNetwork(tx, network.id, project));
  }
  removeProjectData(tx, project, new Set());
  for (const volume of input.volumes ? tx.list('volumes') : []) {
    if (volume.spec.project !== project || volume.spec.external || volume.removing) continue;
    tx.put('volumes', { ...volume, removing: true });
    changes.push({
      kind: 'volume',
      name: volume.spec.name,
      action: 'removed',
      cause: 'requested',
    });
  }
  return { changes, orphans: [] };
}

function removeNetwork(
  tx: Transaction,
  id: Parameters<Transaction['tasksOfNetwork']>[0],
  project: string,
): AppliedChange {
  const network = tx.get('networks', id);
  if (network === undefined) throw new AppError('internal', `network ${id}: not found`);
  const user = tx
    .list('services')
    .find(
      ({ spec, removing }) =>
        !removing &&
        spec.project !== project &&
        spec.task.networks.some((item) => item.network === network.spec.name),
    );
  const name = network.spec.name;
  if (user !== undefined) {
    return {
      kind: 'network',
      name,
      action: 'unchanged',
      cause: `service ${user.spec.name} uses it`,
    };
  }
  // A removal that a node has not completed is shown again.
  if (!network.removing) tx.put('networks', { ...network, removing: true });
  return { kind: 'network', name, action: 'removed', cause: 'requested' };
}

export const projectCalls: Pick<ControlCalls, 'project.apply' | 'project.remove' | 'project.list'> =
  {
    'project.apply': apply,
    'project.remove': (context, value) => {
      const args = new Args('project.remove', value);
      const input = {
        project: args.text('project'),
        volumes: args.flag('volumes'),
        services: args.texts('services'),
        timeoutMs: args.count('timeoutMs'),
      };
      return context.store.update('control', (tx) => remove(tx, input));
    },
    'project.list': ({ store }) => {
      const projects = new Map<string, { name: string; services: number; running: number }>();
      for (const { spec, id } of store.view.list('services')) {
        const known = projects.get(spec.project) ?? { name: spec.project, services: 0, running: 0 };
        const tasks = store.view.tasksOfService(id);
        projects.set(spec.project, {
          name: spec.project,
          services: known.services + 1,
          running: known.running + tasks.filter((task) => task.status.state === 'running').length,
        });
      }
      const list = [...projects.values()];
      return Promise.resolve(list.sort((a, b) => (a.name < b.name ? -1 : 1)));
    },
  };
