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

/** What is asked many times must not gather its listeners on the one signal that ends all. */
function own({ signal }: Pick<ServiceContainers, 'signal'>): AbortSignal {
  return AbortSignal.any([signal]);
}

/** Paths of one command line. */
const pathsAtOnce = 500;

/** The service's containers that run, on whichever nodes. */
async function running(of: ServiceContainers): Promise<readonly TaskRef[]> {
  const { client, project, service } = of;
  const tasks = await client.call('task.list', { project, service }, { signal: own(of) });
  return tasks
    .filter(({ status, desired }) => status.state === 'running' && desired === 'running')
    .map(({ slot }) => ({ project, service, index: slot }));
}

/** Brings what has changed into every container of the service. */
export async function syncInto(
  of: ServiceContainers,
  rule: WatchRule,
  change: TreeChange,
): Promise<void> {
  const containers = await running(of);
  if (containers.length === 0) {
    throw new AppError('unavailable', `no container of service ${of.service} runs`);
  }
  const place = (path: string): string => placeOf(rule, path);
  await Promise.all(
    containers.map(async (container) => {
      for (let at = 0; at < change.removed.length; at += pathsAtOnce) {
        const paths = change.removed.slice(at, at + pathsAtOnce).map(place);
        await run(of, container, { ...plain, command: ['rm', '-rf', '--', ...paths] });
      }
      if (change.changed.length === 0) return;
      const stream = await of.client.open('copy-in', { ...container, path: '/' }, own(of));
      await sendOnly(stream, packTree(entries(rule, change)));
    }),
  );
}

/** Where a path, relative to what is watched, is in the container. */
export function placeOf({ target }: Pick<WatchRule, 'target'>, path: string): string {
  return path === '' ? posix.join('/', target) : posix.join('/', target, path);
}

async function* entries(rule: WatchRule, { changed }: TreeChange): AsyncGenerator<TreeEntry> {
  for (const path of changed) {
    const source = path === '' ? rule.path : posix.join(rule.path, path);
    yield await Promise.resolve({ path: placeOf(rule, path).slice(1), source });
  }
}

/** Runs a hook in every container of the service, one after the other. */
export async function execIn(of: ServiceContainers, hook: Hook): Promise<void> {
  const env = Object.entries(hook.environment ?? {}).flatMap(([name, value]) =>
    value === null ? [] : [`${name}=${value}`],
  );
  const options = {
    ...plain,
    command: hook.command ?? [],
    env,
    privileged: hook.privileged === true,
    ...(hook.user === undefined ? {} : { user: hook.user }),
    ...(hook.working_dir === undefined ? {} : { workingDir: hook.working_dir }),
  };
  for (const container of await running(of)) await run(of, container, options);
}

const plain = {
  command: [] as readonly string[],
  env: [] as readonly string[],
  privileged: false,
  tty: false,
  stdin: false,
  detach: false,
} as const satisfies ExecOptions;

async function run(of: ServiceContainers, container: TaskRef, options: ExecOptions): Promise<void> {
  const stream = await of.client.open('exec', { ...container, options }, own(of));
  let said = '';
  const keep = (data: Uint8Array): void => {
    said = (said + Buffer.from(data).toString()).slice(-1_000);
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
  const code = end.kind === 'exited' ? String(end.code) : 'detached';
  const [command = ''] = options.command;
  throw new AppError('unavailable', `${command} ended with ${code}: ${said.trim()}`);
}
