import { createHash } from 'node:crypto';
import { byCodeUnit } from './decode/reader.js';
import { byGoKey } from './yaml/go-order.js';
import { scalarText } from './yaml/scalar.js';
import { Float, isList, isMap, type Tree } from './yaml/tree.js';
import type { Project, ComposeService } from './model.js';

/** Renders the project for `config --format json`, with sorted sections. */
export function renderProject(project: Project): Record<string, unknown> {
  const services = Object.entries(project.services).map(([name, service]) => [
    name,
    jsonService(service),
  ]);
  const sections: Record<string, unknown> = {
    name: project.name,
    services: Object.fromEntries(services),
  };
  for (const key of ['configs', 'networks', 'secrets', 'volumes'] as const) {
    if (Object.keys(project[key]).length > 0) sections[key] = withoutEmptyName(project[key]);
  }
  const result = { ...sections, ...extensionsOf(project) };
  return Object.fromEntries(Object.entries(result).sort(([a], [b]) => byCodeUnit(a, b)));
}

/** Omits empty names, which resources have without normalization. */
function withoutEmptyName<T extends { readonly name?: string }>(
  resources: Readonly<Record<string, T>>,
): Record<string, Omit<T, 'name'>> {
  return Object.fromEntries(
    Object.entries(resources).map(([key, resource]) => {
      const { name, ...rest } = resource;
      return [key, name === '' ? rest : resource];
    }),
  );
}

function extensionsOf(project: Project): Record<string, unknown> {
  const entries = Object.entries(project.extensions).sort(([a], [b]) => byGoKey(a, b));
  return Object.fromEntries(entries.map(([key, value]) => [key, toPlainData(value as Tree)]));
}

/**
 * Renders the project for `config` in YAML: sections in the usual order, without empty mappings.
 */
export function renderForYaml(project: Project): Record<string, unknown> {
  const services = Object.entries(project.services).map(([name, service]) => {
    const given = Object.fromEntries(Object.entries(service).filter(([, value]) => value !== null));
    const shown = withExtensions(
      given,
      project.mergedTree(['services', name]),
    ) as Partial<ComposeService>;
    return [
      name,
      {
        ...shown,
        ...(shown.blkio_config && { blkio_config: withLowerCaseKeys(shown.blkio_config) }),
        ...(shown.deploy && { deploy: withoutEmpty(shown.deploy) }),
        ...(shown.develop && { develop: withoutEmptyHooks(shown.develop) }),
      },
    ];
  });
  const section = (key: 'networks' | 'volumes' | 'secrets' | 'configs'): Record<string, unknown> =>
    withExtensions(
      withoutEmptyName<{ name?: string }>(project[key]),
      project.mergedTree([key]),
    ) as Record<string, unknown>;
  const networks = Object.entries(section('networks')).map(([name, network]) => [
    name,
    withoutEmpty(network as object),
  ]);
  const sections: Record<string, unknown> = {
    networks: Object.fromEntries(networks),
    volumes: section('volumes'),
    secrets: section('secrets'),
    configs: section('configs'),
    models: project.models,
  };
  const used = Object.entries(sections).filter(
    ([, section]) => Object.keys(section as object).length > 0,
  );
  return {
    name: project.name,
    services: Object.fromEntries(services),
    ...Object.fromEntries(used),
    ...extensionsOf(project),
  };
}

/** Lowers the keys of device limits, which are capitalized in JSON. */
function withLowerCaseKeys(config: object): object {
  const lower = (limit: object): object =>
    Object.fromEntries(Object.entries(limit).map(([key, value]) => [key.toLowerCase(), value]));
  return Object.fromEntries(
    Object.entries(config).map(([key, value]: [string, unknown]) => [
      key,
      Array.isArray(value) ? value.map(lower) : value,
    ]),
  );
}

/** Omits the empty command of a watch trigger that runs none, which JSON shows. */
function withoutEmptyHooks(develop: NonNullable<ComposeService['develop']>): object {
  if (develop.watch === undefined) return develop;
  const watch = develop.watch.map(({ exec, ...trigger }) =>
    exec === undefined || exec.command === null ? trigger : { ...trigger, exec },
  );
  return { ...develop, watch };
}

/** Sections in which docker compose drops extension fields. */
const withoutExtensions = new Set(['ulimits', 'config']);

/** Appends nested `x-…` fields, which the model does not hold, from the merged tree. */
function withExtensions(value: unknown, written: Tree | undefined): unknown {
  if (Array.isArray(value)) {
    if (!isList(written) || written.length !== value.length) return value as unknown;
    return value.map((item, index) => withExtensions(item, written[index]));
  }
  if (!isMap(written) || (typeof value !== 'object' && value !== undefined)) return value;
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
  const result = Object.fromEntries(
    Object.entries(fields).map(([key, item]) => [
      key,
      withoutExtensions.has(key) ? item : withExtensions(item, written[key]),
    ]),
  );
  for (const key of Object.keys(written).sort(byGoKey))
    if (key.startsWith('x-') && !(key in result)) result[key] = toPlainData(written[key] as Tree);
  return value === null && Object.keys(result).length === 0 ? null : result;
}

function withoutEmpty(value: object): object {
  return Object.fromEntries(
    Object.entries(value).filter(
      ([, item]) =>
        typeof item !== 'object' || item === null || Object.keys(item as object).length > 0,
    ),
  );
}

/** Converts a tree to plain data: integral floats become numbers, keys are sorted. */
export function toPlainData(value: Tree): unknown {
  if (value instanceof Float) return Number.isFinite(value.value) ? value.value : scalarText(value);
  if (typeof value === 'bigint') return Number(value);
  if (isList(value)) return value.map(toPlainData);
  if (!isMap(value)) return value;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort(byCodeUnit))
    result[key] = toPlainData(value[key] as Tree);
  return result;
}

/**
 * Computes docker compose's config hash, the label that marks outdated containers: SHA-256 of the
 * service's JSON in field order, without fields that do not change a container.
 * Source: docker/compose 2.40.3, pkg/compose/hash.go.
 */
export function serviceHash(_project: Project, service: ComposeService): string {
  const {
    build: _build,
    pull_policy: _pull,
    scale: _scale,
    depends_on: _depends,
    profiles: _profiles,
    ...rest
  } = jsonService(service);
  const hashed: Record<string, unknown> = { ...rest };
  if (service.deploy !== undefined) {
    const { replicas: _replicas, ...deploy } = service.deploy;
    hashed.deploy = deploy;
  }
  return createHash('sha256').update(goJson(hashed)).digest('hex');
}

/** Omits limits of 0, as docker compose does in JSON. */
function jsonService(service: ComposeService): ComposeService {
  const limits = <T extends Pick<ComposeService, 'ulimits'>>(holder: T): T => {
    if (holder.ulimits === undefined) return holder;
    const shown = Object.entries(holder.ulimits).map(([name, limit]) => [
      name,
      typeof limit === 'number' ? limit : withoutZero(limit),
    ]);
    return { ...holder, ulimits: Object.fromEntries(shown) as T['ulimits'] };
  };
  const { build } = service;
  return limits(build === undefined ? service : { ...service, build: limits(build) });
}

function withoutZero(limit: object): object {
  return Object.fromEntries(Object.entries(limit).filter(([, value]) => value !== 0));
}

/** Encodes JSON as Go does, with escaped HTML characters. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
