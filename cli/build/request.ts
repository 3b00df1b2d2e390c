import { AppError } from '../../manager/common/base/errors.js';
import type { BuildQuery } from '../../manager/common/protocol/worker-calls.js';
import type { Build, Project, Service } from '../compose/model.js';

export interface BuildFlags {
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly buildArg?: readonly string[];
  readonly memory?: string;
}

/**
 * Keys of `build:` that are not carried to the engine, which has no parameter for them. Refused, since a
 * build without them would be another build.
 */
const refused: readonly (readonly [keyof Build, string])[] = [
  ['entitlements', 'the engine of a node grants none'],
  ['isolation', 'nodes run Linux'],
  ['privileged', 'the engine of a node builds without'],
  ['provenance', 'the engine of a node makes no attestations'],
  ['sbom', 'the engine of a node makes no attestations'],
  ['ssh', 'an agent of this computer cannot be reached from a node: use a build secret'],
];
/** Values that ask for nothing beyond what a build is anyway. */
const asksNothing: readonly unknown[] = [undefined, false, 'false', 'default'];

function refuseKeys(project: Project, service: string, build: Build): void {
  const refuse = (key: string, why: string): never => {
    const place = project.locate(['services', service, 'build', key]);
    const hint = 'build with docker buildx and push, or leave it out';
    throw new AppError('unsupported', `${place}: build.${key} is not supported: ${why}; ${hint}`);
  };
  for (const [key, why] of refused) if (!asksNothing.includes(build[key])) refuse(key, why);
  const elsewhere = (build.cache_to ?? []).find((text) => !isInline(text));
  if (elsewhere !== undefined) refuse('cache_to', `"${elsewhere}" is not type=inline`);
  const foreign = (build.cache_from ?? []).find((text) => cacheImage(text) === undefined);
  if (foreign !== undefined) refuse('cache_from', `"${foreign}" is no image`);
}

function isInline(text: string): boolean {
  return text === 'inline' || /^type=inline(?:,|$)/u.test(text);
}

/** `type=registry,ref=IMAGE` or the image alone. */
function cacheImage(text: string): string | undefined {
  if (!/(?:^|,)type=/u.test(text)) return text;
  if (!/(?:^|,)type=registry(?:,|$)/u.test(text)) return undefined;
  return /(?:^|,)ref=([^,]+)/u.exec(text)?.[1];
}

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
  refuseKeys(project, key, build);
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
    cachefrom: JSON.stringify((build.cache_from ?? []).flatMap((text) => cacheImage(text) ?? [])),
    ulimits: JSON.stringify(toUlimits(build)),
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
  // BuildKit writes what it needs for `cache_from` into the image when told by this argument.
  if ((build.cache_to ?? []).length > 0) args.set('BUILDKIT_INLINE_CACHE', '1');
  return Object.fromEntries(args);
}

function toUlimits({ ulimits = {} }: Build): readonly object[] {
  return Object.entries(ulimits).map(([name, limit]) =>
    typeof limit === 'number'
      ? { Name: name, Soft: limit, Hard: limit }
      : { Name: name, Soft: limit.soft, Hard: limit.hard },
  );
}

/** DOCKER_BUILDKIT decides; else BuildKit only for Dockerfiles that the classic builder cannot read. */
function wantsBuildKit({ env, dockerfileText, build }: BuildWish): boolean {
  if ((build.secrets ?? []).length > 0 || (build.cache_to ?? []).length > 0) return true;
  const said = env.DOCKER_BUILDKIT;
  if (said !== undefined && said !== '') return !/^(?:0|false)$/iu.test(said);
  return /^#\s*syntax\s*=|^\s*RUN\s+--(?:mount|network|security)=|^\s*(?:COPY|ADD)\s+.*--(?:link|chmod|parents|exclude)\b|^\s*(?:RUN|COPY|ADD)\s+<</imu.test(
    dockerfileText,
  );
}
