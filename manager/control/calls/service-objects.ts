import {
  array,
  boolean,
  decode,
  nonEmptyString,
  number,
  object,
} from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { ServiceId } from '../../common/model/ids.js';
import type { VolumeSpec } from '../../common/model/network.js';
import type { Service, ServiceSpec } from '../../common/model/service.js';
import { serviceSpec } from '../../common/protocol/object-decoders.js';
import type { ServiceCallMap } from '../../common/protocol/service-calls.js';
import { volumeSpec } from '../../common/protocol/spec-decoders.js';
import type { StoreView, Transaction } from '../../store/store.js';
import { checkReferences, createVolume, markServiceRemoved } from '../apply-project.js';
import { applyService } from '../apply-service.js';
import { Args } from '../args.js';
import { checkDeployment } from '../check-deployment.js';
import type { CallContext, ControlCalls } from '../context.js';
import { requireVersion } from '../require-version.js';
import { rollBackServices } from './rollout.js';

/*
 * Calls about one service by its id, as Swarm mode's clients change them: every update names the
 * version that it was made from.
 */

const creation = object<ServiceCallMap['service.create']['args']>({
  project: nonEmptyString,
  spec: serviceSpec,
  volumes: array(volumeSpec),
});

const change = object<ServiceCallMap['service.update']['args']>({
  project: nonEmptyString,
  serviceId: nonEmptyString,
  version: number,
  spec: serviceSpec,
  volumes: array(volumeSpec),
  force: boolean,
});

interface Wanted {
  readonly project: string;
  readonly spec: ServiceSpec;
  readonly volumes: readonly VolumeSpec[];
}

/** Checks rights, references and ports, and creates the volumes that do not exist. */
function prepare({ access, newId }: CallContext, tx: Transaction, wanted: Wanted): void {
  const { project, spec, volumes } = wanted;
  if (spec.project !== project) {
    throw new AppError('invalid', `service ${spec.name}: does not belong to project ${project}`);
  }
  const input = {
    ...{ project, services: [spec], volumes, networks: [], secrets: [], configs: [] },
    ...{ externalNetworks: [], externalVolumes: [], known: [], forceRecreate: [] },
    ...{ renewVolumes: [], keepReplicas: [], removeOrphans: false, dryRun: false },
  };
  checkDeployment(access, input, tx);
  checkReferences(tx, input);
  requireFreePorts(tx, spec);
  for (const volume of volumes) {
    const known = tx.volumeByName(volume.name);
    if (known?.removing === true) {
      throw new AppError('conflict', `volume ${volume.name}: still being removed; retry`);
    }
    if (known === undefined) createVolume(tx, newId, volume);
  }
}

/** Throws `invalid` if another service publishes one of the ports on every machine. */
function requireFreePorts(view: StoreView, spec: ServiceSpec): void {
  const wanted = spec.task.ports.filter(
    ({ mode, published }) => mode === 'ingress' && published !== undefined,
  );
  if (wanted.length === 0) return;
  for (const other of view.list('services')) {
    if (other.removing || other.spec.name === spec.name) continue;
    for (const { published, protocol, mode } of other.spec.task.ports) {
      if (mode !== 'ingress') continue;
      const taken = wanted.find(
        (port) => port.published === published && port.protocol === protocol,
      );
      if (taken === undefined) continue;
      throw new AppError(
        'invalid',
        `rpc error: code = InvalidArgument desc = port '${String(published)}' is already in use by service '${other.spec.name}' (${other.id}) as an ingress port`,
      );
    }
  }
}

const plainApply = { keepReplicas: [], renewVolumes: [] };

async function create(context: CallContext, value: unknown): Promise<string> {
  const wanted = decode(value, creation, 'service.create');
  const { store, newId } = context;
  return await store.update('control', (tx) => {
    const { spec } = wanted;
    if (tx.serviceByName(spec.name)?.removing === false) {
      throw new AppError(
        'conflict',
        `rpc error: code = AlreadyExists desc = name conflicts with an existing object: service ${spec.name} already exists`,
      );
    }
    const twin = tx
      .servicesOfProject(spec.project)
      .find((other) => !other.removing && other.spec.service === spec.service);
    if (twin !== undefined) {
      throw new AppError(
        'conflict',
        `service ${spec.service}: project ${spec.project} has it as ${twin.spec.name}; use another name`,
      );
    }
    prepare(context, tx, wanted);
    applyService({ tx, view: tx, newId }, spec, { ...plainApply, forceRecreate: [] });
    return tx.serviceByName(spec.name)?.id ?? '';
  });
}

function serviceById(view: StoreView, id: string): Service {
  const service = view.get('services', id as ServiceId);
  if (service?.removing === false) return service;
  throw new AppError('not-found', `service ${id} not found`);
}

/** Throws unless the service is of the project that the caller's right was checked for. */
function requireProject({ spec }: Service, project: string): void {
  if (spec.project === project) return;
  throw new AppError('not-found', `service ${spec.name}: not in project ${project}`);
}

async function update(context: CallContext, value: unknown): Promise<null> {
  const wanted = decode(value, change, 'service.update');
  const { store, newId } = context;
  await store.update('control', (tx) => {
    const { serviceId, version, spec, force } = wanted;
    const service = serviceById(tx, serviceId);
    requireProject(service, wanted.project);
    requireVersion(service, version);
    requireSameNames(service.spec, spec);
    prepare(context, tx, wanted);
    const forceRecreate = force ? [spec.service] : [];
    applyService({ tx, view: tx, newId }, spec, { ...plainApply, forceRecreate });
  });
  return null;
}

/** Throws `unsupported` with Swarm mode's words for a change of the name or the mode. */
function requireSameNames(known: ServiceSpec, spec: ServiceSpec): void {
  const refuse = (what: string): AppError =>
    new AppError('unsupported', `rpc error: code = Unimplemented desc = ${what}`);
  if (known.name !== spec.name) throw refuse('renaming services is not supported');
  const [before, after] = [known.mode, spec.mode];
  if (before.kind === after.kind && before.job === after.job) return;
  throw refuse('service mode change is not allowed');
}

export const serviceObjectCalls: Pick<
  ControlCalls,
  'service.create' | 'service.update' | 'service.revert' | 'service.remove'
> = {
  'service.create': create,
  'service.update': update,
  'service.revert': async ({ store }, value) => {
    const args = new Args('service.revert', value);
    await store.update('control', (tx) => {
      const service = serviceById(tx, args.text('serviceId'));
      requireProject(service, args.text('project'));
      requireVersion(service, args.count('version'));
      if (service.previousSpec === undefined) {
        throw new AppError(
          'invalid',
          `rpc error: code = FailedPrecondition desc = service ${service.spec.name} does not have a previous spec`,
        );
      }
      rollBackServices(tx, [service]);
    });
    return null;
  },
  'service.remove': async ({ store }, value) => {
    const args = new Args('service.remove', value);
    await store.update('control', (tx) => {
      const service = serviceById(tx, args.text('serviceId'));
      requireProject(service, args.text('project'));
      markServiceRemoved(tx, service, 'requested');
    });
    return null;
  },
};
