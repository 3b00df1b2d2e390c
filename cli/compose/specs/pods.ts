import type { VolumesFrom } from '../../../manager/common/model/container.js';
import { podOf } from '../../../manager/common/model/pod.js';
import type { Dependency, ServiceMode } from '../../../manager/common/model/service.js';
import type { Project, Service } from '../model.js';
import { refusal } from './refuse.js';

/** What a service has of others of its project: their Compose keys. */
export interface ServiceTies {
  readonly network?: string;
  readonly ipc?: string;
  readonly pid?: string;
  readonly volumes: readonly VolumesFrom[];
}

type Path = readonly (string | number)[];

interface PodTable {
  readonly ties: ReadonlyMap<string, ServiceTies>;
  /** Only of services that are tied to any. */
  readonly pods: ReadonlyMap<string, readonly string[]>;
  readonly lendIpc: ReadonlySet<string>;
}

/** Asked for with every service of a file that may have thousands. */
const tables = new WeakMap<Project, PodTable>();

function tableOf(project: Project): PodTable {
  let table = tables.get(project);
  if (table === undefined) {
    table = makeTable(project);
    tables.set(project, table);
  }
  return table;
}

function makeTable(project: Project): PodTable {
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
  const tied = members.filter(({ leaders }) => leaders.length > 0);
  const names = new Set(tied.flatMap(({ name, leaders }) => [name, ...leaders]));
  return {
    ties,
    pods: new Map([...names].map((name) => [name, podOf(name, tied)])),
    lendIpc: new Set([...ties.values()].flatMap(({ ipc }) => ipc ?? [])),
  };
}

const noTies: ServiceTies = { volumes: [] };

export function tiesOfService(project: Project, name: string): ServiceTies {
  return tableOf(project).ties.get(name) ?? noTies;
}

function readTies(project: Project, name: string, service: Service): ServiceTies {
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

/** `SERVICE[:MODE]` or `container:NAME[:MODE]`. */
function volumesFrom(project: Project, path: Path, source: string): VolumesFrom {
  const isContainer = source.startsWith('container:');
  const [other = '', mode] = source.replace(/^container:/, '').split(':');
  if (mode !== undefined && mode !== 'ro' && mode !== 'rw') {
    throw refusal(project, path, `"${mode}" is not a mode, use ro or rw`);
  }
  const leader = leaderOf(project, path, `${isContainer ? 'container' : 'service'}:${other}`);
  return { service: leader, readOnly: mode === 'ro' };
}

/** The service behind `service:KEY` or, where the container is one of the project's, `container:NAME`. */
function leaderOf(project: Project, path: Path, mode: string): string {
  const name = mode.slice(mode.indexOf(':') + 1);
  const found = mode.startsWith('service:') ? name : serviceOfContainer(project, name);
  if (found === undefined) {
    throw refusal(
      project,
      path,
      `container "${name}" is none of this project: nothing says on which node it is, name a service`,
    );
  }
  if (path[1] === found) throw refusal(project, path, 'a service cannot share with itself');
  return found;
}

function serviceOfContainer(project: Project, container: string): string | undefined {
  return Object.entries(project.services).find(
    ([key, service]) =>
      (service.container_name ?? `${project.name}-${key}-1`) === container && !isScaled(service),
  )?.[0];
}

function isScaled({ scale, deploy }: Service): boolean {
  return (scale ?? deploy?.replicas ?? 1) > 1 || deploy?.mode?.startsWith('global') === true;
}

/** Compose keys of all services that are tied to `name`, itself included. */
export function podOfService(project: Project, name: string): readonly string[] {
  return tableOf(project).pods.get(name) ?? [name];
}

/** Whether others look into this service's IPC namespace: the engine has to know beforehand. */
export function lendsIpc(project: Project, name: string): boolean {
  return tableOf(project).lendIpc.has(name);
}

/** Services that are tied to each other have the same mode and as many slots. */
export function toMode(project: Project, name: string): ServiceMode {
  const own = modeOf(project.services[name]);
  let replicas = replicasIn(project.services[name]);
  for (const other of podOfService(project, name)) {
    const service = project.services[other];
    const mode = modeOf(service);
    if (mode !== own) {
      throw refusal(
        project,
        ['services', name, 'deploy', 'mode'],
        `mode ${own} does not go with mode ${mode} of service ${other}, which it shares things with`,
      );
    }
    const count = replicasIn(service);
    if (count !== undefined && replicas !== undefined && count !== replicas) {
      throw refusal(
        project,
        ['services', name, service?.scale === undefined ? 'deploy' : 'scale'],
        `${String(replicas)} replicas do not go with ${String(count)} of service ${other}, which it shares things with: they scale together`,
      );
    }
    replicas ??= count;
  }
  const kind = own.startsWith('global') ? 'global' : 'replicated';
  const job = own.endsWith('-job') ? ({ job: true } as const) : {};
  return kind === 'global' ? { kind, ...job } : { kind, replicas: replicas ?? 1, ...job };
}

function modeOf(service: Service | undefined): string {
  return service?.deploy?.mode ?? 'replicated';
}

function replicasIn(service: Service | undefined): number | undefined {
  return service?.scale ?? service?.deploy?.replicas;
}

/** Dependencies that follow from `container:` forms; the loader has added those of the others. */
export function impliedDependencies(project: Project, name: string): readonly Dependency[] {
  const { network, ipc, pid, volumes } = tiesOfService(project, name);
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
