import { isAbsolute, join } from 'node:path';
import type { Build, ComposeService, FileReference, Project } from '../compose/model.js';
import { isRemoteContext } from './context.js';
import type { BuildFlags } from './request.js';
import { imageOf } from '../compose/specs/names.js';
import { mergeBuildArgs } from './request.js';

/** A file for `docker buildx bake`. Keys of targets are in bake's order. */
export interface BakeFile {
  readonly group: { readonly default: { readonly targets: readonly string[] } };
  readonly target: Readonly<Record<string, BakeTarget>>;
}

type BakeTarget = Readonly<Record<string, unknown>>;

export interface BakeInput {
  readonly project: Project;
  /** Compose keys of the services to build, with those whose images they use as contexts. */
  readonly keys: readonly string[];
  readonly flags: BuildFlags & { readonly push?: boolean };
  readonly env: NodeJS.ProcessEnv;
}

/** Converts the build sections of services to a bake file, as `build --print` shows it. */
export function bakeFile(input: BakeInput): BakeFile {
  const names = targetNames(input.keys);
  const targets = [...names].flatMap(
    ([key, target]): readonly (readonly [string, BakeTarget])[] => {
      const service = input.project.services[key];
      if (service?.build === undefined) return [];
      return [[target, toTarget(input, names, { ...service, key, build: service.build })]];
    },
  );
  const sorted = [...targets].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    group: { default: { targets: targets.map(([target]) => target) } },
    target: Object.fromEntries(sorted),
  };
}

/** Unique target names by service: bake allows no dots in them. */
function targetNames(keys: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const used = new Set<string>();
  for (const key of keys) {
    let name = key.replaceAll('.', '_');
    while (used.has(name)) name += '_';
    used.add(name);
    names.set(key, name);
  }
  return names;
}

function toTarget(
  { project, flags, env }: BakeInput,
  names: ReadonlyMap<string, string>,
  service: ComposeService & { readonly key: string; readonly build: Build },
): BakeTarget {
  const { key, build } = service;
  const context = build.context ?? project.workingDirectory;
  const platforms = service.platform === undefined ? (build.platforms ?? []) : [service.platform];
  return withoutEmpty({
    context,
    contexts: contextsOf(build, names),
    dockerfile: dockerfileOf(build, context),
    'dockerfile-inline':
      build.dockerfile_inline === undefined ? undefined : escape(build.dockerfile_inline),
    args: mapValues(mergeBuildArgs({ project, build, flags, env }), escape),
    labels: {
      ...build.labels,
      'com.docker.compose.project': project.name,
      'com.docker.compose.service': key,
    },
    tags: [...(build.tags ?? []), imageOf(project, key, service)],
    'cache-from': build.cache_from,
    'cache-to': build.cache_to,
    target: build.target,
    secret: (build.secrets ?? []).flatMap((secret) => secretOf(project, secret)),
    ssh: (build.ssh ?? []).map((id) => (id.includes('=') ? id : `${id}=`)),
    platforms,
    pull: flags.pull === true || build.pull === true,
    'no-cache': flags.noCache === true || build.no_cache === true,
    network: build.network,
    'shm-size': build.shm_size,
    ulimits: Object.entries(build.ulimits ?? {}).map(([name, limit]) =>
      typeof limit === 'number' ? `${name}=${limit}` : `${name}=${limit.soft}:${limit.hard}`,
    ),
    entitlements: [
      ...(build.entitlements ?? []),
      ...(build.privileged === true ? ['security.insecure'] : []),
    ],
    'extra-hosts': hostsOf(build),
    output: [outputOf(platforms, flags.push === true && service.image !== undefined)],
    attest: [...attestation('provenance', build.provenance), ...attestation('sbom', build.sbom)],
  });
}

/** Escapes references to variables: bake would resolve them. */
function escape(text: string): string {
  return text.split('${').join('$${');
}

function contextsOf(
  build: Build,
  names: ReadonlyMap<string, string>,
): Readonly<Record<string, string>> {
  return mapValues(build.additional_contexts ?? {}, (value) => {
    const service = /^service:(?<key>.+)$/u.exec(value)?.groups?.key;
    return service === undefined ? value : `target:${names.get(service) ?? service}`;
  });
}

function dockerfileOf(build: Build, context: string): string | undefined {
  if (build.dockerfile_inline !== undefined) return build.dockerfile;
  const { dockerfile = 'Dockerfile' } = build;
  if (isRemoteContext(context) || context.includes('://') || isAbsolute(dockerfile))
    return dockerfile;
  return join(context, dockerfile);
}

function secretOf(project: Project, { source, target }: FileReference): readonly string[] {
  const { environment, file } = project.secrets[source] ?? {};
  const id = `id=${target ?? source}`;
  if (environment !== undefined) return [`${id},type=env,env=${environment}`];
  return file === undefined ? [] : [`${id},type=file,src=${file}`];
}

/** Addresses by host name, from `host=address` items. */
function hostsOf(build: Build): Readonly<Record<string, string>> {
  const hosts = new Map<string, string>();
  for (const item of build.extra_hosts ?? []) {
    const at = item.indexOf('=');
    const [host, address] = [item.slice(0, at), item.slice(at + 1)];
    const known = hosts.get(host);
    hosts.set(host, known === undefined ? address : `${known},${address}`);
  }
  return Object.fromEntries(hosts);
}

function outputOf(platforms: readonly string[], isPushed: boolean): string {
  if (platforms.length > 1) return `type=image,push=${isPushed}`;
  return isPushed ? 'type=registry' : 'type=docker';
}

function attestation(type: string, value: string | undefined): readonly string[] {
  if (value === undefined || value === 'false') return [];
  return [value === 'true' ? `type=${type}` : `type=${type},${value}`];
}

function mapValues(
  values: Readonly<Record<string, string>>,
  change: (value: string) => string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}

function withoutEmpty(fields: BakeTarget): BakeTarget {
  const isEmpty = (value: unknown): boolean =>
    value === undefined ||
    value === '' ||
    value === false ||
    (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}
