import { posix } from 'node:path';
import { AppError } from '../../manager/common/base/errors.js';
import type { TaskRef } from '../../manager/common/protocol/control.js';
import type { ExecOptions } from '../../manager/common/protocol/worker-calls.js';
import type { ControlClient } from '../client/client.js';
import { runSession } from '../client/terminal-session.js';
import { sendOnly } from '../client/transfer.js';
import type { Hook } from '../compose/model.js';
import type { TreeEntry } from '../bundle/archive.js';
import { packTree } from '../bundle/archive.js';
import type { WatchRule } from './rules.js';
import type { TreeChange } from './tree.js';

export interface ServiceContainers {
  readonly client: ControlClient;
  readonly project: string;
  readonly service: string;
  readonly signal: AbortSignal;
}

/**
 * Derives a signal per call, so that listeners do not accumulate on the long-lived watch signal.
 */
function callSignal({ signal }: Pick<ServiceContainers, 'signal'>): AbortSignal {
  return AbortSignal.any([signal]);
}

/** Paths per `rm` command line. */
const pathsPerCommand = 500;

/** Lists the running containers of the service on all nodes. */
async function listRunning(containers: ServiceContainers): Promise<readonly TaskRef[]> {
  const { client, project, service } = containers;
  const tasks = await client.call(
    'task.list',
    { project, service },
    { signal: callSignal(containers) },
  );
  return tasks
    .filter(({ status, desired }) => status.state === 'running' && desired === 'running')
    .map(({ slot }) => ({ project, service, index: slot }));
}

/**
 * Applies a change to every running container of the service. Throws `unavailable` if none is
 * running.
 */
export async function syncInto(
  containers: ServiceContainers,
  rule: WatchRule,
  change: TreeChange,
): Promise<void> {
  const targets = await listRunning(containers);
  if (targets.length === 0) {
    throw new AppError(
      'unavailable',
      `service ${containers.service}: no running container; start the service with "shoal up"`,
    );
  }
  const toTarget = (path: string): string => containerPath(rule, path);
  await Promise.all(
    targets.map(async (container) => {
      for (let at = 0; at < change.removed.length; at += pathsPerCommand) {
        const paths = change.removed.slice(at, at + pathsPerCommand).map(toTarget);
        await run(containers, container, {
          ...defaultExec,
          command: ['rm', '-rf', '--', ...paths],
        });
      }
      if (change.changed.length === 0) return;
      const stream = await containers.client.open(
        'copy-in',
        { ...container, path: '/' },
        callSignal(containers),
      );
      await sendOnly(stream, packTree(entries(rule, change)));
    }),
  );
}

/** Maps a path relative to the watched one to its path in the container. */
export function containerPath({ target }: Pick<WatchRule, 'target'>, path: string): string {
  return path === '' ? posix.join('/', target) : posix.join('/', target, path);
}

async function* entries(rule: WatchRule, { changed }: TreeChange): AsyncGenerator<TreeEntry> {
  for (const path of changed) {
    const source = path === '' ? rule.path : posix.join(rule.path, path);
    yield await Promise.resolve({ path: containerPath(rule, path).slice(1), source });
  }
}

/** Runs a hook in every running container of the service, one after the other. */
export async function runHookInContainers(
  containers: ServiceContainers,
  hook: Hook,
): Promise<void> {
  const env = Object.entries(hook.environment ?? {}).flatMap(([name, value]) =>
    value === null ? [] : [`${name}=${value}`],
  );
  const options = {
    ...defaultExec,
    command: hook.command ?? [],
    env,
    privileged: hook.privileged === true,
    ...(hook.user === undefined ? {} : { user: hook.user }),
    ...(hook.working_dir === undefined ? {} : { workingDir: hook.working_dir }),
  };
  for (const container of await listRunning(containers)) await run(containers, container, options);
}

const defaultExec = {
  command: [] as readonly string[],
  env: [] as readonly string[],
  privileged: false,
  tty: false,
  stdin: false,
  detach: false,
} as const satisfies ExecOptions;

async function run(
  containers: ServiceContainers,
  container: TaskRef,
  options: ExecOptions,
): Promise<void> {
  const stream = await containers.client.open(
    'exec',
    { ...container, options },
    callSignal(containers),
  );
  let output = '';
  const keep = (data: Uint8Array): Promise<void> => {
    output = (output + Buffer.from(data).toString()).slice(-1_000);
    return Promise.resolve();
  };
  const end = await runSession(stream, {
    input: undefined,
    tty: false,
    stdout: keep,
    stderr: keep,
    size: () => ({ columns: 80, rows: 24 }),
    onResize: () => () => undefined,
    detachKeys: new Uint8Array(),
  });
  if (end.kind === 'exited' && end.code === 0) return;
  const result = end.kind === 'exited' ? `exited with code ${String(end.code)}` : 'detached';
  const [command = ''] = options.command;
  throw new AppError('unavailable', `${command}: ${result}: ${output.trim()}`);
}
