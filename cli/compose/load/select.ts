import { ComposeError } from '../error.js';
import type { Mount, Project, ComposeService } from '../model.js';
import { splitByProfiles } from './profiles.js';

type Services = Readonly<Record<string, ComposeService>>;

/**
 * Restricts a project to the named services and their dependencies; naming a service enables its
 * profiles. Throws ComposeError for an unknown name.
 */
export function selectServices(project: Project, names: readonly string[]): Project {
  if (names.length === 0) return project;
  const all: Services = { ...project.services, ...project.disabledServices };
  const profiles = [...project.profiles];
  for (const name of names) {
    const service = all[name];
    if (service === undefined) throw new ComposeError(`no such service: ${name}`);
    if (project.services[name] === undefined) profiles.push(...(service.profiles ?? []));
  }
  const { enabled, disabled } = splitByProfiles(all, profiles);
  const reachable = new Set<string>();
  const queue = [...names];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (reachable.has(name)) continue;
    const service = enabled[name];
    if (service === undefined) continue;
    reachable.add(name);
    queue.push(...Object.keys(service.depends_on ?? {}));
    const unmet = unmetDependency(service, enabled);
    if (unmet !== undefined) throw inactiveDependency(project, name, unmet);
  }
  const selected: Record<string, ComposeService> = {};
  const rest: Record<string, ComposeService> = { ...disabled };
  for (const [name, service] of Object.entries(enabled)) {
    if (reachable.has(name)) selected[name] = withoutInactive(service, enabled);
    else rest[name] = service;
  }
  return { ...project, services: selected, disabledServices: rest };
}

/** Returns a required dependency that no active profile enables. */
function unmetDependency(service: ComposeService, enabled: Services): string | undefined {
  return Object.entries(service.depends_on ?? {}).find(
    ([other, { required }]) => required && enabled[other] === undefined,
  )?.[0];
}

function inactiveDependency(project: Project, name: string, other: string): ComposeError {
  const profiles = project.disabledServices[other]?.profiles ?? [];
  const hint =
    profiles.length === 0
      ? 'add the service or correct the name'
      : `enable one of its profiles with --profile: ${profiles.join(', ')}`;
  return new ComposeError(
    `${project.locate(['services', name, 'depends_on', other])}: no such service: ${other}; ${hint}`,
  );
}

/** Removes optional dependencies that no active profile enables. */
function withoutInactive(service: ComposeService, enabled: Services): ComposeService {
  const { depends_on: dependsOn, ...rest } = service;
  if (dependsOn === undefined) return service;
  const kept = Object.entries(dependsOn).filter(([other]) => enabled[other] !== undefined);
  if (kept.length === Object.keys(dependsOn).length) return service;
  return kept.length === 0 ? rest : { ...service, depends_on: Object.fromEntries(kept) };
}

/** Removes networks, volumes, secrets, configs and models that no enabled service uses. */
export function withoutUnused(project: Project): Project {
  const services = Object.values(project.services);
  const keep = <T>(
    resources: Readonly<Record<string, T>>,
    namesIn: (service: ComposeService) => readonly string[],
  ): Record<string, T> => {
    const used = new Set(services.flatMap(namesIn));
    return Object.fromEntries(Object.entries(resources).filter(([name]) => used.has(name)));
  };
  return {
    ...project,
    networks: keep(project.networks, ({ networks = {} }) => Object.keys(networks)),
    volumes: keep(project.volumes, ({ volumes = [] }) => volumes.flatMap(namedVolume)),
    secrets: keep(project.secrets, ({ secrets = [], build }) =>
      [...secrets, ...(build?.secrets ?? [])].map(({ source }) => source),
    ),
    configs: keep(project.configs, ({ configs = [] }) => configs.map(({ source }) => source)),
    models: keep(project.models, ({ models = {} }) => Object.keys(models)),
  };
}

function namedVolume(mount: Mount): string[] {
  return mount.type === 'volume' && mount.source !== undefined ? [mount.source] : [];
}
