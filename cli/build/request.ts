import { AppError } from '../../manager/common/base/errors.js';
import type { BuildQuery } from '../../manager/common/protocol/worker-calls.js';
import type { Build, Project, ComposeService } from '../compose/model.js';
import { imageOf } from '../compose/specs/names.js';

export interface BuildFlags {
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly buildArg?: readonly string[];
  readonly memory?: string;
}

/**
 * Keys of `build:` without a parameter in the Engine API. They are refused, because ignoring them
 * would build a different image.
 */
const refused: readonly (readonly [keyof Build, string])[] = [
  ['entitlements', 'nodes grant no entitlements to a build'],
  ['isolation', 'nodes run Linux'],
  ['privileged', 'nodes run no privileged builds'],
  ['provenance', 'nodes create no attestations'],
  ['sbom', 'nodes create no attestations'],
  ['ssh', 'a node cannot reach the SSH agent of this computer: use a build secret'],
];
/** Values of refused keys that equal the default and are accepted. */
const defaultValues: readonly unknown[] = [undefined, false, 'false', 'default'];

function refuseKeys(project: Project, service: string, build: Build): void {
  const refuse = (key: string, reason: string): never => {
    const place = project.locate(['services', service, 'build', key]);
    const hint = 'build and push with docker buildx, or remove the key';
    throw new AppError(
      'unsupported',
      `${place}: build.${key} is not supported: ${reason}; ${hint}`,
    );
  };
  for (const [key, reason] of refused) if (!defaultValues.includes(build[key])) refuse(key, reason);
  const notInline = (build.cache_to ?? []).find((text) => !isInline(text));
  if (notInline !== undefined) refuse('cache_to', `"${notInline}" is not type=inline`);
  const notImage = (build.cache_from ?? []).find((text) => cacheImage(text) === undefined);
  if (notImage !== undefined)
    refuse('cache_from', `"${notImage}" is not an image or type=registry`);
}

function isInline(text: string): boolean {
  return text === 'inline' || /^type=inline(?:,|$)/u.test(text);
}

/**
 * Returns the image of `type=registry,ref=IMAGE` or of a plain reference; undefined for other
 * types.
 */
function cacheImage(text: string): string | undefined {
  if (!/(?:^|,)type=/u.test(text)) return text;
  if (!/(?:^|,)type=registry(?:,|$)/u.test(text)) return undefined;
  return /(?:^|,)ref=([^,]+)/u.exec(text)?.[1];
}

/** Images whose cache the build may use. */
export function cacheImages(build: Build): readonly string[] {
  return (build.cache_from ?? []).flatMap((text) => cacheImage(text) ?? []);
}

export interface BuildQueryOptions {
  readonly project: Project;
  readonly service: string;
  readonly build: Build;
  readonly flags: BuildFlags;
  readonly env: NodeJS.ProcessEnv;
  readonly dockerfile: string;
  readonly dockerfileText: string;
  readonly remote?: string;
}

/**
 * Returns the platform of a build; undefined means the building node's own. Throws `unsupported` if
 * `build.platforms` lists several and `platform` is not set.
 */
export function platformOf(key: string, service: ComposeService): string | undefined {
  const platforms = service.build?.platforms ?? [];
  if (platforms.length > 1 && service.platform === undefined) {
    throw new AppError(
      'unsupported',
      `service ${key}: build.platforms lists ${platforms.length} platforms, but a node builds for one; set the key platform`,
    );
  }
  return service.platform ?? platforms[0];
}

/** Returns the query of `POST /build` (Engine API 1.41). Throws `unsupported` for refused keys. */
export function buildQuery(options: BuildQueryOptions): BuildQuery {
  const { project, service: key, build, flags, remote } = options;
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
    dockerfile: options.dockerfile,
    buildargs: buildArgs(options),
    labels: {
      ...build.labels,
      'com.docker.compose.project': project.name,
      'com.docker.compose.service': key,
    },
    cachefrom: JSON.stringify(cacheImages(build)),
    ulimits: JSON.stringify(toUlimits(build)),
    extrahosts: (build.extra_hosts ?? []).map((host) => host.replace('=', ':')),
    nocache: flags.noCache === true || build.no_cache === true,
    pull: flags.pull === true || build.pull === true,
    rm: true,
    forcerm: true,
    version: usesBuildKit(options) ? '2' : '1',
    ...(Object.fromEntries(given) as Readonly<Record<string, string>>),
  };
}

/**
 * Build arguments: `build.args`, overridden by `--build-arg`; a name without a value is looked up.
 */
export function mergeBuildArgs({
  project,
  build,
  flags,
  env,
}: Pick<BuildQueryOptions, 'project' | 'build' | 'flags' | 'env'>): Readonly<
  Record<string, string>
> {
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

function buildArgs(options: BuildQueryOptions): Readonly<Record<string, string>> {
  const args = mergeBuildArgs(options);
  // This argument makes BuildKit embed the cache metadata in the image, for a later `cache_from`.
  return (options.build.cache_to ?? []).length > 0 ? { ...args, BUILDKIT_INLINE_CACHE: '1' } : args;
}

function toUlimits({ ulimits = {} }: Build): readonly object[] {
  return Object.entries(ulimits).map(([name, limit]) =>
    typeof limit === 'number'
      ? { Name: name, Soft: limit, Hard: limit }
      : { Name: name, Soft: limit.soft, Hard: limit.hard },
  );
}

/**
 * Chooses the builder: BuildKit for secrets and inline cache, then DOCKER_BUILDKIT, then BuildKit
 * only for Dockerfiles with syntax that the classic builder does not support.
 */
function usesBuildKit({ env, dockerfileText, build }: BuildQueryOptions): boolean {
  if ((build.secrets ?? []).length > 0 || (build.cache_to ?? []).length > 0) return true;
  const setting = env.DOCKER_BUILDKIT;
  if (setting !== undefined && setting !== '') return !/^(?:0|false)$/iu.test(setting);
  return /^#\s*syntax\s*=|^\s*RUN\s+--(?:mount|network|security)=|^\s*(?:COPY|ADD)\s+.*--(?:link|chmod|parents|exclude)\b|^\s*(?:RUN|COPY|ADD)\s+<</imu.test(
    dockerfileText,
  );
}
