import { hashOf } from '../common/base/canonical.js';
import { AppError } from '../common/base/errors.js';
import type { NewId } from '../common/base/random.js';
import type { NetworkId, VolumeId } from '../common/model/ids.js';
import type { Network, NetworkSpec, Volume, VolumeSpec } from '../common/model/network.js';
import { requestsEncryption } from '../common/model/network.js';
import { isOneOff } from '../common/model/compose/one-off.js';
import { stopsFor } from '../common/model/dependents.js';
import type { Service } from '../common/model/service.js';
import { isTerminal } from '../common/model/task-state.js';
import type {
  AppliedChange,
  ProjectApplyResult,
  ProjectApply,
} from '../common/protocol/project-calls.js';
import type { StoreView, Transaction } from '../store/store.js';
import type { ApplyContext } from './apply-service.js';
import { applyService } from './apply-service.js';
import { applyData, checkFileMounts, removeUnusedData } from './data.js';
import { requireVolumeQuota } from './quota.js';
import { setStopTimeout } from './stop-timeout.js';

type Change = AppliedChange;

/** Applies a whole project. Validation errors are thrown before the first write. */
export function applyProject(context: ApplyContext, input: ProjectApply): ProjectApplyResult {
  for (const spec of input.networks) checkNetwork(spec);
  checkExternals(context.view, input);
  const before = servicesBefore(context.view, input);
  const changes: Change[] = [
    ...input.networks.map((spec) => applyNetwork(context, spec)),
    ...input.volumes.map((spec) => applyVolume(context, spec)),
    ...input.secrets.map((data) => applyData(context, 'secret', data)),
    ...input.configs.map((data) => applyData(context, 'config', data)),
    ...input.services.map((spec) => applyService(context, spec, input)),
  ];
  if (context.tx !== undefined) stopDependents(context.tx, input, before);
  const orphans = orphansOf(context.view, input);
  if (input.removeOrphans) {
    for (const service of orphans) {
      if (context.tx !== undefined) setStopTimeout(context.tx, service, input.timeoutMs);
      changes.push(markServiceRemoved(context.tx, service, 'orphan'));
    }
  }
  if (context.tx !== undefined) removeUnusedData(context.tx, input);
  return {
    changes,
    orphans: input.removeOrphans ? [] : orphans.map((service) => service.spec.service),
  };
}

/** The applied services that have containers. */
function servicesBefore(view: StoreView, { services }: ProjectApply): readonly Service[] {
  return services
    .flatMap(({ name }) => view.serviceByName(name) ?? [])
    .filter(({ id }) => view.tasksOfService(id).some(({ desired }) => desired !== 'remove'));
}

/**
 * Closes the start gate of the applied services that restart with a recreated one (`depends_on …
 * restart: true`): the orchestrator stops their tasks first and starts them when the new tasks of
 * the dependency meet the condition. Like docker compose, only direct dependents are stopped.
 */
export function stopDependents(
  tx: Transaction,
  { services }: Pick<ProjectApply, 'services'>,
  before: readonly Service[],
): void {
  const recreated = new Set(
    before
      .filter(({ id, taskHash }) => tx.get('services', id)?.taskHash !== taskHash)
      .map(({ spec }) => spec.service),
  );
  for (const { name } of services) {
    const service = tx.serviceByName(name);
    if (service === undefined || !stopsFor(service.spec).some((key) => recreated.has(key)))
      continue;
    tx.put('services', { ...service, dependenciesMet: false });
  }
}

/**
 * Services of the project that are not in the file. One-off services count only once all their
 * tasks have ended, as in docker compose.
 */
function orphansOf(view: StoreView, input: ProjectApply): readonly Service[] {
  return view.servicesOfProject(input.project).filter((service) => {
    if (service.removing || input.known.includes(service.spec.service)) return false;
    const ended = () =>
      view.tasksOfService(service.id).every((task) => isTerminal(task.status.state));
    return !isOneOff(service) || ended();
  });
}

function checkExternals(view: StoreView, input: ProjectApply): void {
  for (const name of input.externalNetworks) {
    const network = view.networkByName(name);
    if (network === undefined || network.removing) {
      throw new AppError(
        'not-found',
        `network ${name} declared as external, but could not be found; create it with "network create"`,
      );
    }
  }
  for (const name of input.externalVolumes) {
    const volume = view.volumeByName(name);
    if (volume === undefined || volume.removing) {
      throw new AppError(
        'not-found',
        `volume ${name} declared as external, but could not be found on any node; create it with "volume create"`,
      );
    }
  }
  checkReferences(view, input);
}

/**
 * Throws `invalid` or `not-found` if a service refers to an object that neither the project nor the
 * cluster has.
 */
export function checkReferences(
  view: StoreView,
  input: Pick<ProjectApply, 'services' | 'networks' | 'volumes' | 'secrets' | 'configs'>,
): void {
  const networks = new Set(input.networks.map((spec) => spec.name));
  const volumes = new Set(input.volumes.map((spec) => spec.name));
  for (const { service, task } of input.services) {
    for (const { network } of task.networks) {
      if (networks.has(network) || view.networkByName(network) !== undefined) continue;
      throw new AppError('invalid', `service ${service}: no such network: ${network}`);
    }
    for (const mount of task.container.mounts) {
      if (mount.type !== 'volume' || mount.source === undefined) continue;
      // A template names another volume for each task, which its node creates.
      if (task.container.templated === true && mount.source.includes('{{')) continue;
      if (volumes.has(mount.source) || view.volumeByName(mount.source) !== undefined) continue;
      throw new AppError('invalid', `service ${service}: no such volume: ${mount.source}`);
    }
    checkFileMounts(view, input, service, task.container.files);
  }
}

/** Throws `unsupported` for a network whose traffic would have to be encrypted. */
function checkNetwork(spec: NetworkSpec): void {
  if (!requestsEncryption(spec)) return;
  throw new AppError(
    'unsupported',
    `network ${spec.name}: encryption is not supported, traffic between machines is not encrypted; remove the option "encrypted"`,
  );
}

export function createNetwork(tx: Transaction, newId: NewId, spec: NetworkSpec): Network {
  checkNetwork(spec);
  const id = newId() as NetworkId;
  return tx.create('networks', { id, spec, vni: 0, subnet: '', removing: false });
}

/** Hash of the network fields that cannot change while tasks are attached. */
function immutableHash(spec: NetworkSpec): string {
  const { driver, subnet, ipRange, internal, driverOpts } = spec;
  return hashOf({ driver, subnet, ipRange, internal, driverOpts });
}

function applyNetwork({ tx, view, newId }: ApplyContext, spec: NetworkSpec): Change {
  const change = (action: Change['action'], cause: string): Change => ({
    kind: 'network',
    name: spec.name,
    action,
    cause,
  });
  const known = view.networkByName(spec.name);
  if (known === undefined) {
    if (tx !== undefined) createNetwork(tx, newId, spec);
    return change('created', 'not found');
  }
  const isRewired = immutableHash(known.spec) !== immutableHash(spec);
  if (!isRewired && !known.removing && hashOf(known.spec) === hashOf(spec)) {
    return change('unchanged', '');
  }
  if (isRewired && view.tasksOfNetwork(known.id).some((task) => !isTerminal(task.status.state))) {
    throw new AppError(
      'conflict',
      `network ${spec.name}: subnet or options changed while containers use it; run "down" first`,
    );
  }
  tx?.put('networks', { ...known, spec, removing: false, ...(isRewired ? { subnet: '' } : {}) });
  return known.removing
    ? change('created', 'was being removed')
    : change('updated', 'spec changed');
}

export function createVolume(tx: Transaction, newId: NewId, spec: VolumeSpec): Volume {
  requireVolumeQuota(tx, spec.name, spec.project);
  return tx.create('volumes', { id: newId() as VolumeId, spec, nodeIds: [], removing: false });
}

function applyVolume({ tx, view, newId }: ApplyContext, spec: VolumeSpec): Change {
  const change = (action: Change['action'], cause: string): Change => ({
    kind: 'volume',
    name: spec.name,
    action,
    cause,
  });
  const known = view.volumeByName(spec.name);
  if (known === undefined) {
    if (tx !== undefined) createVolume(tx, newId, spec);
    return change('created', 'not found');
  }
  if (known.removing) {
    throw new AppError(
      'conflict',
      `volume ${spec.name}: still being removed; retry in a few seconds`,
    );
  }
  if (hashOf(known.spec) === hashOf(spec)) return change('unchanged', '');
  const { driver, driverOpts } = known.spec;
  if (
    hashOf({ driver, driverOpts }) !== hashOf({ driver: spec.driver, driverOpts: spec.driverOpts })
  ) {
    throw new AppError(
      'conflict',
      `volume ${spec.name}: exists with a different driver or options; remove it or use another name`,
    );
  }
  tx?.put('volumes', { ...known, spec });
  return change('updated', 'labels changed');
}

/** Marks a service for removal; the orchestrator removes its tasks before the service itself. */
export function markServiceRemoved(
  tx: Transaction | undefined,
  service: Service,
  cause: string,
): Change {
  tx?.put('services', { ...service, removing: true });
  return { kind: 'service', name: service.spec.service, action: 'removed', cause };
}
