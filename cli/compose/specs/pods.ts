import type { VolumesFrom } from '../../../manager/common/model/container.js';
import { podOf } from '../../../manager/common/model/pod.js';
import type { Dependency, ServiceMode } from '../../../manager/common/model/service.js';
import type { Project, ComposeService } from '../model.js';
import { specError } from './spec-error.js';

/** Namespaces and volumes that a service shares with other services, by their Compose keys. */
export interface ServiceSharing {
  readonly network?: string;
  readonly ipc?: string;
  readonly pid?: string;
  readonly volumes: readonly VolumesFrom[];
}

type Path = readonly (string | number)[];

interface PodTable {
  readonly ties: ReadonlyMap<string, ServiceSharing>;
  /** Members of each pod, by service; only services in a pod have an entry. */
  readonly pods: ReadonlyMap<string, readonly string[]>;
  readonly lendIpc: ReadonlySet<string>;
}

/** Cached per project: the table is read for every service, and a file may have thousands. */
const tables = new WeakMap<Project, PodTable>();

function tableOf(project: Project): PodTable {
  let table = tables.get(project);
  if (table === undefined) {
    table = buildTable(project);
    tables.set(project, table);
  }
  return table;
}

function buildTable(project: Project): PodTable {
  const ties = new Map(
    Object.entries(project.services).map(([name, service]) => [
      name,
      readTies(project, name, service),
    ]),
  );
  const members = [...ties].map(([name, { network, ipc, pid, volumes }]) => {
    const leaders = [network, ipc, pid, ...volumes.map(({ service }) => service)];
    return { name, leaders: leaders.filter((leader) => leader !== undefined) };
  });
  const podMembers = members.filter(({ leaders }) => leaders.length > 0);
  const names = new Set(podMembers.flatMap(({ name, leaders }) => [name, ...leaders]));
  return {
    ties,
    pods: new Map([...names].map((name) => [name, podOf(name, podMembers)])),
    lendIpc: new Set([...ties.values()].flatMap(({ ipc }) => ipc ?? [])),
  };
}

const noTies: ServiceSharing = { volumes: [] };

export function sharingOf(project: Project, name: string): ServiceSharing {
  return tableOf(project).ties.get(name) ?? noTies;
}

function readTies(project: Project, name: string, service: ComposeService): ServiceSharing {
  const shared = (key: 'network_mode' | 'ipc' | 'pid'): string | undefined => {
    const mode = service[key] ?? '';
    return /^(service|container):/.test(mode)
      ? leaderOf(project, ['services', name, key], mode)
      : undefined;
  };
  const [network, ipc, pid] = [shared('network_mode'), shared('ipc'), shared('pid')];
  return {
    ...(network === undefined ? {} : { network }),
    ...(ipc === undefined ? {} : { ipc }),
    ...(pid === undefined ? {} : { pid }),
    volumes: (service.volumes_from ?? []).map((source, index) =>
      volumesFrom(project, ['services', name, 'volumes_from', index], source),
    ),
  };
}

/** Parses `SERVICE[:MODE]` or `container:NAME[:MODE]`. */
function volumesFrom(project: Project, path: Path, source: string): VolumesFrom {
  const isContainer = source.startsWith('container:');
  const [other = '', mode] = source.replace(/^container:/, '').split(':');
  if (mode !== undefined && mode !== 'ro' && mode !== 'rw') {
    throw specError(project, path, `"${mode}" is not a mode; use ro or rw`);
  }
  const leader = leaderOf(project, path, `${isContainer ? 'container' : 'service'}:${other}`);
  return { service: leader, readOnly: mode === 'ro' };
}

/**
 * Resolves `service:KEY`, or `container:NAME` for a container of the project, to the service's key.
 */
function leaderOf(project: Project, path: Path, mode: string): string {
  const name = mode.slice(mode.indexOf(':') + 1);
  const found = mode.startsWith('service:') ? name : serviceOfContainer(project, name);
  if (found === undefined) {
    throw specError(
      project,
      path,
      `container "${name}" is not in this project; name a service, whose node is known`,
    );
  }
  if (path[1] === found)
    throw specError(project, path, 'refers to the service itself; name another service');
  return found;
}

function serviceOfContainer(project: Project, container: string): string | undefined {
  const { name, nameSeparator: separator = '-' } = project;
  const own = (key: string): string => [name, key, '1'].join(separator);
  return Object.entries(project.services).find(
    ([key, service]) => (service.container_name ?? own(key)) === container && !isScaled(service),
  )?.[0];
}

function isScaled({ scale, deploy }: ComposeService): boolean {
  return (scale ?? deploy?.replicas ?? 1) > 1 || deploy?.mode?.startsWith('global') === true;
}

/** Returns the Compose keys of all services in the pod of `name`, itself included. */
export function podMembersOf(project: Project, name: string): readonly string[] {
  return tableOf(project).pods.get(name) ?? [name];
}

/**
 * True if another service joins this service's IPC namespace: the engine must create it as
 * shareable.
 */
export function needsShareableIpc(project: Project, name: string): boolean {
  return tableOf(project).lendIpc.has(name);
}

/**
 * Returns the mode of a service; all services of a pod have the same mode and number of replicas.
 */
export function toMode(project: Project, name: string): ServiceMode {
  const own = modeOf(project.services[name]);
  let replicas = replicasIn(project.services[name]);
  for (const other of podMembersOf(project, name)) {
    const service = project.services[other];
    const mode = modeOf(service);
    if (mode !== own) {
      throw specError(
        project,
        ['services', name, 'deploy', 'mode'],
        `mode ${own} differs from mode ${mode} of service ${other} in the same pod; use one mode`,
      );
    }
    const count = replicasIn(service);
    if (count !== undefined && replicas !== undefined && count !== replicas) {
      throw specError(
        project,
        ['services', name, service?.scale === undefined ? 'deploy' : 'scale'],
        `${String(replicas)} replicas differ from ${String(count)} of service ${other} in the same pod; use one number`,
      );
    }
    replicas ??= count;
  }
  const kind = own.startsWith('global') ? 'global' : 'replicated';
  const job = own.endsWith('-job') ? ({ job: true } as const) : {};
  return kind === 'global' ? { kind, ...job } : { kind, replicas: replicas ?? 1, ...job };
}

function modeOf(service: ComposeService | undefined): string {
  return service?.deploy?.mode ?? 'replicated';
}

function replicasIn(service: ComposeService | undefined): number | undefined {
  return service?.scale ?? service?.deploy?.replicas;
}

/**
 * Returns the dependencies implied by `container:NAME`; the loader has added those of
 * `service:KEY`.
 */
export function impliedDependencies(project: Project, name: string): readonly Dependency[] {
  const { network, ipc, pid, volumes } = sharingOf(project, name);
  const known = new Set(Object.keys(project.services[name]?.depends_on ?? {}));
  const dependency = (restart: boolean) => (service: string) => ({
    service,
    condition: 'service_started' as const,
    required: true,
    restart,
  });
  const live = [network, ipc, pid].filter((leader) => leader !== undefined);
  const all = [
    ...live.map(dependency(true)),
    ...volumes.map(({ service }) => service).map(dependency(false)),
  ];
  return all.filter(({ service }) => {
    const isNew = !known.has(service);
    known.add(service);
    return isNew;
  });
}
