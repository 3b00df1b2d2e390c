import { parseDotenv, parseRawEnv } from './dotenv.js';
import { ComposeError } from '../error.js';
import type { LoaderContext } from '../load/layers.js';
import type { EnvFile, ComposeService } from '../model.js';
import { sorted } from '../decode/reader.js';

type Locate = (path: readonly (string | number)[]) => string;

/**
 * Merges the variables of a service's `env_file`s below its `environment` and removes `env_file`.
 * Throws ComposeError if a required file is missing.
 */
export function resolveEnvFiles(
  name: string,
  service: ComposeService,
  environment: ReadonlyMap<string, string>,
  world: LoaderContext & { readonly locate: Locate },
): ComposeService {
  const { env_file: files, ...rest } = service;
  const own = new Map(Object.entries(service.environment ?? {}));
  for (const [key, value] of own) {
    const found = value === null ? environment.get(key) : undefined;
    if (found !== undefined) own.set(key, found);
  }
  const read = new Map<string, string>();
  const lookup = (key: string): string | undefined =>
    environment.get(key) ?? own.get(key) ?? undefined;
  (files ?? []).forEach((file, index) => {
    const source = world.read(file.path);
    if (source === undefined) {
      if (file.required === false) return;
      throw missing(file, world.locate(['services', name, 'env_file', index]));
    }
    parserOf(file, world.locate(['services', name, 'env_file', index]))(source, read, lookup);
  });
  const merged = new Map<string, string | null>([...read, ...own]);
  if (merged.size === 0) return rest;
  return withEnvironment(rest, sorted(Object.fromEntries(merged)));
}

/** Inserts `environment` in the model's order of keys: the config hash depends on the order. */
function withEnvironment(
  service: ComposeService,
  environment: Record<string, string | null>,
): ComposeService {
  const result: Record<string, unknown> = {};
  let placed = false;
  for (const [key, value] of Object.entries(service)) {
    if (!placed && serviceKeysAfterEnvironment.has(key)) {
      result.environment = environment;
      placed = true;
    }
    if (key !== 'environment') result[key] = value;
  }
  if (!placed) result.environment = environment;
  return result as unknown as ComposeService;
}

/** Keys that docker compose prints from `environment` on. */
const serviceKeysAfterEnvironment = new Set([
  'environment',
  'expose',
  'extends',
  'external_links',
  'extra_hosts',
  'group_add',
  'gpus',
  'hostname',
  'healthcheck',
  'image',
  'init',
  'ipc',
  'isolation',
  'labels',
  'label_file',
  'links',
  'logging',
  'mem_limit',
  'mem_reservation',
  'memswap_limit',
  'mem_swappiness',
  'mac_address',
  'models',
  'network_mode',
  'networks',
  'oom_kill_disable',
  'oom_score_adj',
  'pid',
  'pids_limit',
  'platform',
  'ports',
  'privileged',
  'pull_policy',
  'pull_refresh_after',
  'read_only',
  'restart',
  'runtime',
  'scale',
  'secrets',
  'security_opt',
  'shm_size',
  'stdin_open',
  'stop_grace_period',
  'stop_signal',
  'storage_opt',
  'sysctls',
  'tmpfs',
  'tty',
  'ulimits',
  'use_api_socket',
  'user',
  'userns_mode',
  'uts',
  'volumes',
  'volumes_from',
  'working_dir',
  'post_start',
  'pre_stop',
]);

function missing(file: EnvFile, place: string): ComposeError {
  return new ComposeError(
    `${place}: env file ${file.path} not found; create it or set required: false`,
  );
}

function parserOf(file: EnvFile, place: string): typeof parseDotenv {
  if (file.format === undefined) return parseDotenv;
  if (file.format === 'raw') return parseRawEnv;
  throw new ComposeError(
    `${place}: unsupported env_file format "${file.format}"; use raw or remove the key`,
  );
}

/** Merges the labels of a service's `label_file`s below its `labels` and removes `label_file`. */
export function resolveLabelFiles(
  name: string,
  service: ComposeService,
  world: LoaderContext & { readonly locate: Locate },
): ComposeService {
  const { label_file: files, ...rest } = service;
  if (files === undefined) return service;
  const labels = new Map<string, string>();
  files.forEach((path, index) => {
    const source = world.read(path);
    if (source === undefined) {
      const place = world.locate(['services', name, 'label_file', index]);
      throw new ComposeError(
        `${place}: label file ${path} not found; create it or remove it from label_file`,
      );
    }
    parseDotenv(source, labels, () => undefined);
  });
  for (const [key, value] of Object.entries(service.labels ?? {})) labels.set(key, value);
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(service)) {
    if (key === 'labels' || key === 'label_file')
      result.labels = sorted(Object.fromEntries(labels));
    else result[key] = (rest as Record<string, unknown>)[key];
  }
  return result as unknown as ComposeService;
}
