import { lstat, mkdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import { walkContext } from '../../build/context.js';
import { parseIgnore } from '../../build/ignore.js';
import type { Cli } from '../../cli.js';
import { sendOnly, transfer } from '../../client/transfer.js';
import type { TreeEntry } from '../../bundle/archive.js';
import { packTree, unpackTree } from '../../bundle/archive.js';
import { writeToStdout } from '../../project/write-out.js';
import type { ProjectView } from '../../project/selection.js';
import {
  isLiveTask,
  runningTask,
  tasksOf,
  viewProject,
  wholeNumber,
} from '../../project/selection.js';

interface CpFlags {
  readonly all?: boolean;
  readonly archive?: boolean;
  readonly followLink?: boolean;
  readonly index?: string;
}

/** Source or destination of a copy: a path in a service's container or on this computer. */
export type CopyEndpoint =
  | { readonly kind: 'container'; readonly service: string; readonly path: string }
  | { readonly kind: 'local'; readonly path: string };

/**
 * Parses `SERVICE:PATH` like docker cp. Text without a colon, or starting with `/`, `.` or `:`, is
 * a local path.
 */
export function parseCopyEndpoint(text: string): CopyEndpoint {
  const at = text.indexOf(':');
  if (at <= 0 || text.startsWith('/') || text.startsWith('.')) return { kind: 'local', path: text };
  return { kind: 'container', service: text.slice(0, at), path: text.slice(at + 1) || '/' };
}

export function cpCommand(cli: Cli): Command {
  return new Command('cp')
    .description("Copy files between a service's container and this computer; - is a tar stream")
    .argument('<source>', 'SERVICE:PATH or a local path')
    .argument('<destination>', 'SERVICE:PATH or a local path')
    .option('--all', 'copy to every container of the service')
    .option('-a, --archive', 'preserve uid and gid')
    .option('-L, --follow-link', 'follow symbolic links in the local source path')
    .option('--index <number>', 'index of the container if the service has several')
    .action(async (source: string, destination: string, flags: CpFlags) => {
      const [from, to] = [parseCopyEndpoint(source), parseCopyEndpoint(destination)];
      if (from.kind === 'container' && to.kind === 'local')
        await copyOut(cli, from, to.path, flags);
      else if (from.kind === 'local' && to.kind === 'container') {
        await copyIn(cli, from.path, to, flags);
      } else throw new AppError('invalid', 'cp: one path must be SERVICE:PATH and the other local');
    });
}

type ContainerEnd = Extract<CopyEndpoint, { kind: 'container' }>;

function refOf(view: ProjectView, service: string, flags: CpFlags) {
  const index = flags.index === undefined ? 0 : wholeNumber('--index', flags.index);
  const task = runningTask(view, service, index === 0 ? undefined : index);
  return { project: view.project, service, index: task.slot };
}

async function copyOut(cli: Cli, from: ContainerEnd, to: string, flags: CpFlags): Promise<void> {
  const view = await viewProject(cli, [from.service]);
  const ref = refOf(view, from.service, flags);
  const contentsOnly = /(?:^|\/)\.$/u.test(from.path);
  const path = posix.normalize(from.path).replace(/(?!^)\/$/u, '');
  const { signal } = cli.interrupts;
  const chunks = transfer(await view.client.open('copy-out', { ...ref, path }, signal));
  if (to === '-') {
    await writeToStdout(cli, chunks);
    return;
  }
  const target = resolve(cli.cwd, to);
  const stats = await stat(target).catch(() => undefined);
  const into = stats?.isDirectory() === true;
  if (!into && to.endsWith('/')) throw new AppError('not-found', `folder ${to} does not exist`);
  await mkdir(dirname(target), { recursive: true });
  const name = posix.basename(path);
  const root = into && !contentsOnly ? join(target, name) : target;
  const { Readable } = await import('node:stream');
  // The engine prefixes every entry with the last segment of the path.
  await unpackTree(Readable.from(chunks), dirname(root), (entry) => {
    const parts = entry.split('/').filter((part) => part !== '' && part !== '.');
    return join(root, ...(parts[0] === name ? parts.slice(1) : parts));
  });
}

/** Target of an upload: the folder to unpack in and the first segment of every entry's name. */
export interface CopyTarget {
  readonly folder: string;
  readonly name: string;
}

/**
 * Resolves the target of a copy by docker cp's rules: an existing folder receives the source under
 * its own name (with `/.`, its contents); otherwise the destination names the copy. `existing`
 * describes the destination in the container, null if it is absent. Throws `invalid` for a folder
 * over a file, `not-found` for a missing destination folder.
 */
export function resolveCopyTarget(
  source: { readonly path: string; readonly isFolder: boolean },
  destination: string,
  existing: { readonly isFolder: boolean } | null,
): CopyTarget {
  const path = posix.normalize(posix.join('/', destination)).replace(/(?!^)\/$/u, '');
  if (existing?.isFolder === true) {
    const contentsOnly = source.isFolder && /(?:^|\/)\.$/u.test(source.path);
    return { folder: path, name: contentsOnly ? '' : basename(resolve(source.path)) };
  }
  if (source.isFolder && existing !== null) {
    throw new AppError('invalid', `cannot copy folder ${source.path} over file ${destination}`);
  }
  if (!source.isFolder && destination.endsWith('/')) {
    throw new AppError('not-found', `folder ${destination} does not exist in the container`);
  }
  return { folder: posix.dirname(path), name: posix.basename(path) };
}

async function copyIn(cli: Cli, from: string, to: ContainerEnd, flags: CpFlags): Promise<void> {
  const view = await viewProject(cli, [to.service]);
  if (from === '-') {
    const ref = { ...refOf(view, to.service, flags), path: to.path };
    await send(cli, view, ref, cli.stdin);
    return;
  }
  const given = resolve(cli.cwd, from);
  const source = flags.followLink === true ? await realpath(given).catch(() => given) : given;
  const stats = await lstat(source).catch(() => undefined);
  if (stats === undefined) throw new AppError('not-found', `no such file or folder: ${from}`);
  const isFolder = stats.isDirectory();
  for (const ref of targets(view, to.service, flags)) {
    const { signal } = cli.interrupts;
    const existing = await view.client.call(
      'task.stat-path',
      { ...ref, path: to.path },
      { signal },
    );
    const path = from.endsWith('/.') || from === '.' ? `${given}/.` : given;
    const { folder, name } = resolveCopyTarget({ path, isFolder }, to.path, existing);
    const tree = packTree(treeOf({ source, isFolder, name, keepOwner: flags.archive === true }));
    await send(cli, view, { ...ref, path: folder }, tree);
  }
}

function targets(view: ProjectView, service: string, flags: CpFlags) {
  if (flags.all !== true) return [refOf(view, service, flags)];
  const running = tasksOf(view, [service]).filter(
    (task) => isLiveTask(task) && task.status.state === 'running',
  );
  if (running.length === 0) throw new AppError('not-found', `service "${service}" is not running`);
  return running.map(({ slot }) => ({ project: view.project, service, index: slot }));
}

async function* treeOf(of: {
  readonly source: string;
  readonly isFolder: boolean;
  readonly name: string;
  readonly keepOwner: boolean;
}): AsyncGenerator<TreeEntry> {
  const { source, isFolder, name, keepOwner } = of;
  if (name !== '') yield { path: name, source, keepOwner };
  if (!isFolder) return;
  for await (const entry of walkContext(source, parseIgnore(''))) {
    yield { ...entry, path: posix.join(name, entry.path), keepOwner };
  }
}

async function send(
  cli: Cli,
  view: ProjectView,
  args: ReturnType<typeof refOf> & { readonly path: string },
  tar: NodeJS.ReadableStream,
): Promise<void> {
  const stream = await view.client.open('copy-in', args, cli.interrupts.signal);
  await sendOnly(stream, tar);
}
