import { resolve } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { ContainerSpec, MountSpec } from '../../manager/common/model/container.js';
import { oneOffLabel } from '../../manager/common/model/one-off.js';
import type { PortSpec, ServiceSpec } from '../../manager/common/model/service.js';
import { parsePorts } from '../compose/canonical/ports.js';
import { parseMount } from '../compose/canonical/volumes.js';

/** What `run` changes about the service, as its flags say. */
export interface RunWish {
  /** Twelve hex digits of its own. */
  readonly slug: string;
  readonly command: readonly string[];
  readonly entrypoint?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly user?: string;
  readonly workdir?: string;
  readonly volumes: readonly string[];
  readonly publish: readonly string[];
  readonly servicePorts: boolean;
  readonly useAliases: boolean;
  readonly deps: boolean;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly cwd: string;
  /** Names in the cluster of the file's volumes, by key. */
  readonly volumeNames: Readonly<Record<string, string>>;
}

/**
 * The service's spec as one container of its own that runs once: docker compose's name and labels, no
 * restarts, none of the service's ports and names unless asked for.
 */
export function oneOffSpec(spec: ServiceSpec, wish: RunWish): ServiceSpec {
  const { update: _update, rollback: _rollback, task, ...rest } = spec;
  const { restart: _restart, ...kept } = task;
  const key = `${spec.service}-run-${wish.slug}`;
  return {
    ...rest,
    name: `${spec.project}_${key}`,
    service: key,
    mode: { kind: 'replicated', replicas: 1 },
    halted: false,
    dependsOn: wish.deps ? spec.dependsOn : [],
    task: {
      ...kept,
      container: oneOffContainer(spec, wish),
      networks: task.networks.map(({ network, aliases }) => ({
        network,
        aliases: wish.useAliases ? [...new Set([spec.service, ...aliases])] : [],
      })),
      ports: [...(wish.servicePorts ? task.ports : []), ...wish.publish.flatMap(toPorts)],
    },
  };
}

function oneOffContainer(spec: ServiceSpec, wish: RunWish): ContainerSpec {
  // Hooks are the service's, as for docker compose.
  const {
    command,
    entrypoint,
    postStart: _postStart,
    preStop: _preStop,
    ...container
  } = spec.task.container;
  const own = wish.entrypoint === undefined ? entrypoint : words(wish.entrypoint);
  // An entrypoint of one's own leaves the service's command aside, as docker does.
  const fallback = wish.entrypoint === undefined ? command : undefined;
  const run = wish.command.length > 0 ? wish.command : fallback;
  return {
    ...container,
    ...(run === undefined ? {} : { command: run }),
    ...(own === undefined ? {} : { entrypoint: own }),
    env: { ...container.env, ...wish.env },
    labels: {
      ...container.labels,
      ...wish.labels,
      [oneOffLabel]: 'True',
      'com.docker.compose.slug': wish.slug,
    },
    containerName: wish.name ?? `${spec.project}-${spec.service}-run-${wish.slug}`,
    engineRestart: { name: 'no' },
    tty: wish.tty,
    stdinOpen: wish.stdin,
    mounts: withMounts(
      container.mounts,
      wish.volumes.map((text) => toMount(text, wish)),
    ),
    config: {
      ...container.config,
      // The container's input ends when ours does.
      ...(wish.stdin ? { StdinOnce: true } : {}),
      ...(wish.user === undefined ? {} : { User: wish.user }),
      ...(wish.workdir === undefined ? {} : { WorkingDir: wish.workdir }),
    },
  };
}

function withMounts(old: readonly MountSpec[], added: readonly MountSpec[]): readonly MountSpec[] {
  const targets = new Set(added.map(({ target }) => target));
  return [...old.filter(({ target }) => !targets.has(target)), ...added];
}

function toMount(text: string, wish: RunWish): MountSpec {
  const parsed = explained('--volume', text, () => parseMount(text));
  const { target, readOnly, noCopy } = parsed;
  if (parsed.type === 'bind') {
    const source = resolve(wish.cwd, parsed.source);
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
  const source = wish.volumeNames[parsed.source] ?? parsed.source;
  return { type: 'volume', source, target, readOnly, noCopy };
}

function toPorts(text: string): readonly PortSpec[] {
  return explained('--publish', text, () => parsePorts(text)).map((parsed) => {
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

function explained<Result>(flag: string, text: string, parse: () => Result): Result {
  try {
    return parse();
  } catch (error) {
    throw new AppError('invalid', `invalid ${flag} "${text}": ${messageOf(error)}`);
  }
}

/** A command line as a shell would part it: spaces, quotes and backslashes, nothing else. */
export function words(text: string): readonly string[] {
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
