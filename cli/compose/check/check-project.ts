import { ComposeError } from '../error.js';
import { findCycle } from '../order.js';
import type { Project, ComposeService } from '../model.js';

/** Throws a ComposeError for a path of the project. */
export type Refuse = (path: readonly (string | number)[], message: string) => never;

type Parts = Pick<
  Project,
  'services' | 'disabledServices' | 'networks' | 'volumes' | 'secrets' | 'configs' | 'models'
>;

/**
 * Checks enabled services for undefined references and contradictions. Throws the first problem and
 * names all other services with problems.
 */
export function checkProject(project: Parts, refuse: Refuse): void {
  const problems: { error: ComposeError; name: string }[] = [];
  for (const [name, service] of Object.entries(project.services)) {
    try {
      checkService({
        name,
        service,
        project,
        refuse: (path, message) => refuse(['services', name, ...path], message),
      });
    } catch (error) {
      if (!(error instanceof ComposeError)) throw error;
      problems.push({ error, name });
    }
  }
  const [first, ...rest] = problems;
  if (first !== undefined)
    throw withOtherServices(
      first.error,
      rest.map(({ name }) => name),
    );
  checkSecrets(project, refuse);
  const cycle = findCycle(project.services);
  if (cycle !== undefined) {
    refuse(
      ['services', cycle[0] ?? '', 'depends_on'],
      `dependency cycle detected: ${cycle.join(' -> ')}; remove one of these dependencies`,
    );
  }
}

function checkSecrets(project: Parts, refuse: Refuse): void {
  for (const [name, secret] of Object.entries(project.secrets)) {
    if (secret.external === true || secret.file !== undefined || secret.environment !== undefined)
      continue;
    refuse(
      ['secrets', name],
      `secret "${name}" has no content; set file, environment or external: true`,
    );
  }
}

function withOtherServices(error: ComposeError, names: readonly string[]): ComposeError {
  if (names.length === 0) return error;
  const shown = names.slice(0, 10).map((name) => `services.${name}`);
  const more =
    names.length > shown.length ? ` and ${String(names.length - shown.length)} more` : '';
  return error.withNote(`errors also in ${shown.join(', ')}${more}`);
}

function checkService(context: Context): void {
  checkSource(context);
  checkBuild(context);
  checkNetworks(context);
  checkDependencies(context);
  checkTargets(context);
  checkFiles(context);
  checkScale(context);
  checkLimits(context);
  checkWatch(context);
}

interface Context {
  readonly name: string;
  readonly service: ComposeService;
  readonly project: Parts;
  readonly refuse: Refuse;
}

function checkSource({ service, refuse, name }: Context): void {
  if (
    service.build === undefined &&
    service.image === undefined &&
    service.provider === undefined
  ) {
    refuse(
      [],
      `service "${name}" has neither an image nor a build context specified; add the key image or build`,
    );
  }
  const test = service.healthcheck?.test?.[0];
  if (test !== undefined && !['CMD', 'CMD-SHELL', 'NONE'].includes(test)) {
    refuse(
      ['healthcheck', 'test'],
      'is not a healthcheck test; begin with CMD, CMD-SHELL or NONE, or write a string for the shell',
    );
  }
}

function checkBuild({ service, project, refuse }: Context): void {
  const build = service.build;
  if (build === undefined) return;
  if (build.dockerfile_inline !== undefined && build.dockerfile !== undefined) {
    refuse(['build', 'dockerfile_inline'], 'excludes dockerfile; keep one');
  }
  for (const [key, context] of Object.entries(build.additional_contexts ?? {})) {
    if (!context.startsWith('service:')) continue;
    const other = context.slice('service:'.length);
    const target = project.services[other];
    if (target === undefined)
      refuse(
        ['build', 'additional_contexts', key],
        `service "${other}" is not defined; add it to services:`,
      );
    else if (target.build === undefined)
      refuse(
        ['build', 'additional_contexts', key],
        `service "${other}" has no build section; add build: to it`,
      );
  }
  if (
    build.platforms !== undefined &&
    service.platform !== undefined &&
    !build.platforms.includes(service.platform)
  ) {
    refuse(
      ['build', 'platforms'],
      `does not include the platform of the service; add "${service.platform}"`,
    );
  }
  build.secrets?.forEach((secret, index) => {
    if (project.secrets[secret.source] === undefined) {
      refuse(
        ['build', 'secrets', index],
        `refers to undefined build secret ${secret.source}; add it to secrets:`,
      );
    }
  });
}

function checkNetworks({ name, service, project, refuse }: Context): void {
  const networks = Object.keys(service.networks ?? {});
  if (service.network_mode !== undefined && networks.length > 0) {
    refuse(['network_mode'], 'excludes networks; keep one of `network_mode` and `networks`');
  }
  for (const network of networks) {
    if (project.networks[network] === undefined) {
      refuse(
        ['networks', network],
        `service "${name}" refers to undefined network ${network}; add it to networks:`,
      );
    }
  }
}

function checkDependencies({ name, service, project, refuse }: Context): void {
  for (const [other, dependency] of Object.entries(service.depends_on ?? {})) {
    if (project.services[other] !== undefined) continue;
    const disabled = project.disabledServices[other];
    if (disabled !== undefined && !dependency.required) continue;
    const hint =
      disabled === undefined
        ? 'add the service or correct the name'
        : `enable one of its profiles with --profile: ${(disabled.profiles ?? []).join(', ')}`;
    refuse(
      ['depends_on', other],
      `service "${name}" depends on undefined service "${other}"; ${hint}`,
    );
  }
}

/** Refuses two mounts with the same target. */
function checkTargets({ service, refuse }: Context): void {
  const taken = new Map<string, string>();
  const take = (target: string, path: readonly (string | number)[]): void => {
    const other = taken.get(target);
    if (other !== undefined)
      refuse(path, `target ${target} already mounted as ${other}; remove one`);
    taken.set(target, path.join('.'));
  };
  service.tmpfs?.forEach((item, index) => {
    take(item.split(':')[0] ?? item, ['tmpfs', index]);
  });
  service.volumes?.forEach((mount, index) => {
    take(mount.target, ['volumes', index]);
  });
}

function checkFiles({ name, service, project, refuse }: Context): void {
  service.volumes?.forEach((mount, index) => {
    if (
      mount.type === 'volume' &&
      mount.source !== undefined &&
      project.volumes[mount.source] === undefined
    ) {
      refuse(
        ['volumes', index],
        `service "${name}" refers to undefined volume ${mount.source}; add it to volumes:`,
      );
    }
  });
  for (const kind of ['configs', 'secrets'] as const) {
    service[kind]?.forEach((file, index) => {
      if (project[kind][file.source] === undefined) {
        const noun = kind.slice(0, -1);
        refuse(
          [kind, index],
          `service "${name}" refers to undefined ${noun} ${file.source}; add it to ${kind}:`,
        );
      }
    });
  }
  for (const model of Object.keys(service.models ?? {})) {
    if (project.models[model] === undefined) {
      refuse(
        ['models', model],
        `service "${name}" refers to undefined model ${model}; add it to models:`,
      );
    }
  }
}

/** Replicas of a service in the files; `--scale` may override the number. */
export function replicaCount(service: ComposeService): number {
  return service.scale ?? service.deploy?.replicas ?? 1;
}

function checkScale({ service, refuse }: Context): void {
  const replicas = service.deploy?.replicas;
  if (service.scale !== undefined && replicas !== undefined && service.scale !== replicas) {
    refuse(['scale'], `can't set distinct values on 'scale' and 'deploy.replicas'; keep one`);
  }
  if (replicaCount(service) > 1 && service.container_name !== undefined) {
    const key = service.scale === undefined ? 'deploy.replicas' : 'scale';
    refuse(['container_name'], `can't be set with ${key} above 1; container names are unique`);
  }
}

function checkLimits({ service, refuse }: Context): void {
  const { limits, reservations } = service.deploy?.resources ?? {};
  const pairs = [
    ['cpus', service.cpus, limits?.cpus ?? 0, limits, 'deploy.resources.limits.cpus'],
    [
      'mem_limit',
      service.mem_limit,
      limits?.memory ?? '0',
      limits,
      'deploy.resources.limits.memory',
    ],
    [
      'mem_reservation',
      service.mem_reservation,
      reservations?.memory ?? '0',
      reservations,
      'deploy.resources.reservations.memory',
    ],
    ['pids_limit', service.pids_limit, limits?.pids ?? 0, limits, 'deploy.resources.limits.pids'],
  ] as const;
  for (const [key, own, other, section, path] of pairs) {
    if (own === undefined || section === undefined || own === other) continue;
    refuse([key], `can't set distinct values on '${key}' and '${path}'; keep one`);
  }
}

function checkWatch({ service, refuse }: Context): void {
  service.develop?.watch?.forEach((watch, index) => {
    if (watch.target === undefined && watch.action !== 'rebuild' && watch.action !== 'restart') {
      refuse(
        ['develop', 'watch', index],
        `action ${watch.action} has no target; add the path in the container`,
      );
    }
  });
}

/** Refuses two services with the same `container_name`. */
export function checkContainerNames(services: Project['services'], refuse: Refuse): void {
  const owners = new Map<string, string>();
  for (const [name, service] of Object.entries(services)) {
    if (service.container_name === undefined) continue;
    const owner = owners.get(service.container_name);
    if (owner !== undefined) {
      refuse(
        ['services', name, 'container_name'],
        `container name "${service.container_name}" is already in use by service "${owner}"; choose another name`,
      );
    }
    owners.set(service.container_name, name);
  }
}
