import type { NamedObject } from '../access/privileges.js';
import {
  containerPrivileges,
  networkPrivileges,
  objectsUsedBy,
  volumePrivileges,
} from '../access/privileges.js';
import { requireHostRights } from '../access/client-access.js';
import { ScopedView } from '../access/scoped-view.js';
import { AppError } from '../common/base/errors.js';
import type { NetworkSpec, VolumeSpec } from '../common/model/network.js';
import type { ServiceSpec } from '../common/model/service.js';
import type { ClientAccess } from '../common/model/trust/client.js';
import type { ProjectApply } from '../common/protocol/project-calls.js';
import type { StoreView } from '../store/store.js';

/**
 * Throws `forbidden` if a client without the role admin requests rights over a machine that the
 * network's project does not allow.
 */
export function checkNetworkRights(access: ClientAccess, spec: NetworkSpec, view: StoreView): void {
  const { name, project } = spec;
  const rights = networkPrivileges(spec);
  requireHostRights(access, { what: `network ${name}`, project, rights }, view);
}

/**
 * Throws `forbidden` if a client without the role admin requests rights over a machine that
 * `project` does not allow; by default the volume's own.
 */
export function checkVolumeRights(
  access: ClientAccess,
  spec: VolumeSpec,
  view: StoreView,
  project = spec.project,
): void {
  const rights = volumePrivileges(spec);
  requireHostRights(access, { what: `volume ${spec.name}`, project, rights }, view);
}

/**
 * Throws `forbidden` if a client without the role admin requests rights over a machine that the
 * service's project does not allow.
 */
export function checkServiceRights(
  access: ClientAccess,
  { service, project, task }: ServiceSpec,
  view: StoreView,
): void {
  const rights = containerPrivileges(task.container);
  requireHostRights(access, { what: `service ${service}`, project, rights }, view);
}

/**
 * Checks a deployment of a client: only an admin may request rights over machines that the policy of
 * the project does not allow, and a client that is limited to projects may use and replace objects
 * of its projects and shared ones only. `view` is the view of the whole cluster. Throws `forbidden`.
 */
export function checkDeployment(access: ClientAccess, input: ProjectApply, view: StoreView): void {
  if (access.role === 'admin') return;
  for (const spec of input.services) checkServiceRights(access, spec, view);
  for (const spec of input.networks) checkNetworkRights(access, spec, view);
  for (const spec of input.volumes) checkVolumeRights(access, spec, view);
  if (access.projects.length > 0) checkObjects(access, input, view);
}

function checkObjects(access: ClientAccess, input: ProjectApply, view: StoreView): void {
  const own = [
    ...input.networks.map((spec) => ({ kind: 'network' as const, spec })),
    ...input.volumes.map((spec) => ({ kind: 'volume' as const, spec })),
    ...input.secrets.map(({ spec }) => ({ kind: 'secret' as const, spec })),
    ...input.configs.map(({ spec }) => ({ kind: 'config' as const, spec })),
    ...input.services.map((spec) => ({ kind: 'service' as const, spec })),
  ];
  const foreign = own.find(({ spec }) => spec.project !== input.project);
  if (foreign !== undefined) throw hiddenObject(access, { ...foreign, name: foreign.spec.name });
  const scoped = new ScopedView(view, access.projects);
  const used: readonly NamedObject[] = [
    ...own.map(({ kind, spec }) => ({ kind, name: spec.name })),
    ...input.services.flatMap(objectsUsedBy),
    ...input.externalNetworks.map((name) => ({ kind: 'network' as const, name })),
    ...input.externalVolumes.map((name) => ({ kind: 'volume' as const, name })),
  ];
  const hidden = used.find(
    (object) => find(view, object) !== undefined && find(scoped, object) === undefined,
  );
  if (hidden !== undefined) throw hiddenObject(access, hidden);
  // Volumes that only the engines know may belong to anybody.
  const declared = new Set(input.volumes.map(({ name }) => name));
  const unknown = used.find(
    ({ kind, name }) =>
      kind === 'volume' && !declared.has(name) && view.volumeByName(name) === undefined,
  );
  if (unknown !== undefined) throw hiddenObject(access, unknown);
}

function hiddenObject({ name, projects }: ClientAccess, object: NamedObject): AppError {
  return new AppError(
    'forbidden',
    `${object.kind} ${object.name}: not in the projects of client ${name} (${projects.join(', ')}), nor shared`,
  );
}

function find(view: StoreView, { kind, name }: NamedObject): object | undefined {
  switch (kind) {
    case 'service':
      return view.serviceByName(name);
    case 'network':
      return view.networkByName(name);
    case 'volume':
      return view.volumeByName(name);
    case 'secret':
      return view.secretByName(name);
    case 'config':
      return view.configByName(name);
  }
}
