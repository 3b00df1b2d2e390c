import { ComposeError } from './error.js';
import type { Project, Service } from './model.js';
import { splitByProfiles } from './profiles.js';

type Services = Readonly<Record<string, Service>>;

/** The named services with all they depend on; naming one enables its profiles. */
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
  const wanted = new Set<string>();
  const queue = [...names];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (wanted.has(name)) continue;
    const service = enabled[name];
    if (service === undefined) continue;
    wanted.add(name);
    queue.push(...Object.keys(service.depends_on ?? {}));
  }
  const selected: Record<string, Service> = {};
  const rest: Record<string, Service> = { ...disabled };
  for (const [name, service] of Object.entries(enabled)) {
    if (wanted.has(name)) selected[name] = service;
    else rest[name] = service;
  }
  return { ...project, services: selected, disabledServices: rest };
}

/** Without the networks, volumes, secrets, configs and models that no enabled service uses. */
export function withoutUnused(project: Project): Project {
  const used = {
    networks: new Set<string>(),
    volumes: new Set<string>(),
    secrets: new Set<string>(),
    configs: new Set<string>(),
    models: new Set<string>(),
  };
  for (const service of Object.values(project.services)) {
    for (const network of Object.keys(service.networks ?? {})) used.networks.add(network);
    for (const mount of service.volumes ?? []) {
      if (mount.type === 'volume' && mount.source !== undefined) used.volumes.add(mount.source);
    }
    for (const secret of [...(service.secrets ?? []), ...(service.build?.secrets ?? [])])
      used.secrets.add(secret.source);
    for (const config of service.configs ?? []) used.configs.add(config.source);
    for (const model of Object.keys(service.models ?? {})) used.models.add(model);
  }
  const keep = <T>(
    resources: Readonly<Record<string, T>>,
    names: ReadonlySet<string>,
  ): Record<string, T> =>
    Object.fromEntries(Object.entries(resources).filter(([name]) => names.has(name)));
  return {
    ...project,
    networks: keep(project.networks, used.networks),
    volumes: keep(project.volumes, used.volumes),
    secrets: keep(project.secrets, used.secrets),
    configs: keep(project.configs, used.configs),
    models: keep(project.models, used.models),
  };
}
