import { resolve } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { ContainerSpec, MountSpec } from '../../manager/common/model/container.js';
import { oneOffLabel } from '../../manager/common/model/compose/one-off.js';
import type { PortSpec, ServiceSpec } from '../../manager/common/model/service.js';
import { parsePortSpec } from '../compose/canonical/ports.js';
import { parseMount } from '../compose/canonical/volumes.js';

/** Changes that the flags of `run` make to the service's spec. */
export interface OneOffOptions {
  /** Twelve random hex digits that make the names unique. */
  readonly slug: string;
  readonly command: readonly string[];
  readonly entrypoint?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly user?: string;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly workdir?: string;
  readonly volumes: readonly string[];
  readonly publish: readonly string[];
  readonly servicePorts: boolean;
  readonly useAliases: boolean;
  readonly deps: boolean;
  readonly tty: boolean;
  readonly stdin: boolean;
  /** Starts the container without waiting for a client to attach. */
  readonly detached: boolean;
  readonly cwd: string;
  /** Cluster-wide volume names by the file's volume key. */
  readonly volumeNames: Readonly<Record<string, string>>;
}

/**
 * Derives the spec of a one-off container from a service: docker compose's name and labels, one
 * replica, no restarts, and no ports or network aliases of the service unless requested.
 */
export function oneOffSpec(spec: ServiceSpec, options: OneOffOptions): ServiceSpec {
  const { update: _update, rollback: _rollback, task, ...rest } = spec;
  const { restart: _restart, ...kept } = task;
  const key = `${spec.service}-run-${options.slug}`;
  return {
    ...rest,
    name: `${spec.project}_${key}`,
    service: key,
    mode: { kind: 'replicated', replicas: 1 },
    halted: false,
    dependsOn: options.deps ? spec.dependsOn : [],
    task: {
      ...kept,
      container: oneOffContainer(spec, options),
      networks: task.networks.map(({ network, aliases }) => ({
        network,
        aliases: options.useAliases ? [...new Set([spec.service, ...aliases])] : [],
      })),
      ports: [...(options.servicePorts ? task.ports : []), ...options.publish.flatMap(toPorts)],
    },
  };
}

function oneOffContainer(spec: ServiceSpec, options: OneOffOptions): ContainerSpec {
  // As in docker compose, lifecycle hooks do not apply to one-off containers.
  const {
    command,
    entrypoint,
    postStart: _postStart,
    preStop: _preStop,
    ...container
  } = spec.task.container;
  const own = options.entrypoint === undefined ? entrypoint : splitShellWords(options.entrypoint);
  // As in docker, a custom entrypoint discards the service's command.
  const fallback = options.entrypoint === undefined ? command : undefined;
  const run = options.command.length > 0 ? options.command : fallback;
  return {
    ...container,
    ...(run === undefined ? {} : { command: run }),
    ...(own === undefined ? {} : { entrypoint: own }),
    env: { ...container.env, ...options.env },
    labels: {
      ...container.labels,
      ...options.labels,
      [oneOffLabel]: 'True',
      'com.docker.compose.slug': options.slug,
    },
    containerName:
      options.name ??
      [spec.project, spec.service, 'run', options.slug].join(spec.nameSeparator ?? '-'),
    engineRestart: { name: 'no' },
    tty: options.tty,
    stdinOpen: options.stdin,
    ...(options.detached ? {} : { startOnAttach: true }),
    mounts: withMounts(
      container.mounts,
      options.volumes.map((text) => toMount(text, options)),
    ),
    config: {
      ...container.config,
      // The container's stdin closes when ours does.
      ...(options.stdin ? { StdinOnce: true } : {}),
      ...(options.user === undefined ? {} : { User: options.user }),
      ...(options.workdir === undefined ? {} : { WorkingDir: options.workdir }),
    },
    hostConfig: withCapabilities(container.hostConfig, options),
  };
}

/** Adds and drops capabilities; the flags win over the opposite list of the service. */
function withCapabilities(
  hostConfig: ContainerSpec['hostConfig'],
  { capAdd, capDrop }: OneOffOptions,
): ContainerSpec['hostConfig'] {
  const merge = (key: string, more: readonly string[], less: readonly string[]) => {
    const own = hostConfig[key];
    const names = (Array.isArray(own) ? (own as readonly unknown[]) : []).map(String);
    const merged = [...names.filter((name) => !less.includes(name)), ...more];
    return merged.length === 0 && own === undefined ? {} : { [key]: [...new Set(merged)] };
  };
  if (capAdd.length === 0 && capDrop.length === 0) return hostConfig;
  return {
    ...hostConfig,
    ...merge('CapAdd', capAdd, capDrop),
    ...merge('CapDrop', capDrop, capAdd),
  };
}

function withMounts(old: readonly MountSpec[], added: readonly MountSpec[]): readonly MountSpec[] {
  const targets = new Set(added.map(({ target }) => target));
  return [...old.filter(({ target }) => !targets.has(target)), ...added];
}

function toMount(text: string, options: OneOffOptions): MountSpec {
  const parsed = withFlagName('--volume', text, () => parseMount(text));
  const { target, readOnly, noCopy } = parsed;
  if (parsed.type === 'bind') {
    const source = resolve(options.cwd, parsed.source);
    return {
      type: 'bind',
      source,
      target,
      readOnly,
      createHostPath: true,
      ...(parsed.propagation === '' ? {} : { propagation: parsed.propagation }),
      ...(parsed.selinux === '' ? {} : { selinux: parsed.selinux }),
    };
  }
  if (parsed.source === '') return { type: 'volume', target, readOnly, noCopy };
  const source = options.volumeNames[parsed.source] ?? parsed.source;
  return { type: 'volume', source, target, readOnly, noCopy };
}

function toPorts(text: string): readonly PortSpec[] {
  return withFlagName('--publish', text, () => parsePortSpec(text)).map((parsed) => {
    const [first = '', last] = parsed.published.split('-');
    return {
      target: parsed.target,
      protocol: parsed.protocol.toLowerCase() as PortSpec['protocol'],
      mode: 'host',
      ...(first === '' ? {} : { published: Number(first) }),
      ...(last === undefined ? {} : { publishedEnd: Number(last) }),
      ...(parsed.hostIp === '' ? {} : { hostIp: parsed.hostIp }),
    };
  });
}

function withFlagName<Result>(flag: string, text: string, parse: () => Result): Result {
  try {
    return parse();
  } catch (error) {
    throw new AppError('invalid', `invalid ${flag} "${text}": ${messageOf(error)}`);
  }
}

/** Splits a command line like a shell: only spaces, quotes and backslashes are special. */
export function splitShellWords(text: string): readonly string[] {
  const found: string[] = [];
  const pattern = /(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gsu;
  for (const [word] of text.matchAll(pattern)) {
    found.push(
      word.replaceAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gsu, (_whole, double, single, char) => {
        if (typeof double === 'string') return double.replaceAll(/\\(["\\$`])/gu, '$1');
        return typeof single === 'string' ? single : String(char);
      }),
    );
  }
  return found;
}
