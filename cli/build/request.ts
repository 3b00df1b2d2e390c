import { AppError } from '../../manager/base/errors.js';
import type { BuildQuery } from '../../manager/protocol/worker-calls.js';
import type { Build, Project, Service } from '../compose/model.js';

export interface BuildFlags {
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly buildArg?: readonly string[];
  readonly memory?: string;
}

/**
 * Keys of `build:` that are not carried to the engine; most need a client session with the builder, which
 * the plain Engine API has not. Refused, since a build without them would be another build.
 */
const refused: readonly (keyof Build)[] = [
  'additional_contexts',
  'cache_to',
  'entitlements',
  'isolation',
  'privileged',
  'provenance',
  'sbom',
  'secrets',
  'ssh',
  'ulimits',
];
/** Values that ask for nothing beyond what a build is anyway. */
const asksNothing: readonly unknown[] = [undefined, false, 'false', 'default'];

export interface BuildWish {
  readonly project: Project;
  readonly service: string;
  readonly build: Build;
  readonly flags: BuildFlags;
  readonly env: NodeJS.ProcessEnv;
  readonly dockerfile: string;
  readonly dockerfileText: string;
  readonly remote?: string;
}

/** The name a service's image has: its `image:`, else docker compose's for a built one. */
export function imageOf(project: Pick<Project, 'name'>, key: string, service: Service): string {
  return service.image ?? `${project.name}-${key}`;
}

/** The platform of a build; undefined is the building node's own. Throws `unsupported` for several. */
export function platformOf(key: string, service: Service): string | undefined {
  const platforms = service.build?.platforms ?? [];
  if (platforms.length > 1 && service.platform === undefined) {
    throw new AppError(
      'unsupported',
      `service ${key}: build.platforms has ${platforms.length} platforms, one engine builds one: set platform:`,
    );
  }
  return service.platform ?? platforms[0];
}

/** The query of `POST /build` (Engine API 1.41). */
export function buildQuery(wish: BuildWish): BuildQuery {
  const { project, service: key, build, flags, remote } = wish;
  const service = project.services[key];
  if (service === undefined) throw new AppError('not-found', `no such service: ${key}`);
  for (const name of refused) {
    if (asksNothing.includes(build[name])) continue;
    throw new AppError(
      'unsupported',
      `service ${key}: build.${name} is not supported: build with docker buildx and push, or leave it out`,
    );
  }
  const optional = {
    target: build.target,
    networkmode: build.network,
    shmsize: build.shm_size,
    memory: flags.memory,
    platform: platformOf(key, service),
    remote,
  };
  const given = Object.entries(optional).filter(([, value]) => value !== undefined);
  return {
    t: [imageOf(project, key, service), ...(build.tags ?? [])],
    dockerfile: wish.dockerfile,
    buildargs: buildArgs(wish),
    labels: {
      ...build.labels,
      'com.docker.compose.project': project.name,
      'com.docker.compose.service': key,
    },
    cachefrom: JSON.stringify(build.cache_from ?? []),
    extrahosts: (build.extra_hosts ?? []).map((host) => host.replace('=', ':')),
    nocache: flags.noCache === true || build.no_cache === true,
    pull: flags.pull === true || build.pull === true,
    rm: true,
    forcerm: true,
    version: wantsBuildKit(wish) ? '2' : '1',
    ...(Object.fromEntries(given) as Readonly<Record<string, string>>),
  };
}

/** Predefined arguments of every Dockerfile that an engine takes from its user's environment. */
function buildArgs({ project, build, flags, env }: BuildWish): Readonly<Record<string, string>> {
  const args = new Map<string, string>();
  for (const [name, value] of Object.entries(build.args ?? {})) {
    const known = value ?? project.environment[name];
    if (known !== undefined) args.set(name, known);
  }
  for (const item of flags.buildArg ?? []) {
    const at = item.indexOf('=');
    const name = at < 0 ? item : item.slice(0, at);
    const value = at < 0 ? env[name] : item.slice(at + 1);
    if (value !== undefined) args.set(name, value);
  }
  return Object.fromEntries(args);
}

/** DOCKER_BUILDKIT decides; else BuildKit only for Dockerfiles that the classic builder cannot read. */
function wantsBuildKit({ env, dockerfileText }: BuildWish): boolean {
  const said = env.DOCKER_BUILDKIT;
  if (said !== undefined && said !== '') return !/^(?:0|false)$/iu.test(said);
  return /^#\s*syntax\s*=|^\s*RUN\s+--(?:mount|network|security)=|^\s*(?:COPY|ADD)\s+.*--(?:link|chmod|parents|exclude)\b|^\s*(?:RUN|COPY|ADD)\s+<</imu.test(
    dockerfileText,
  );
}
