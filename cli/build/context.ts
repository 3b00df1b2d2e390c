import { lstat, readdir, readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { TreeEntry } from '../bundle/archive.js';
import { packTree } from '../bundle/archive.js';
import type { Build } from '../compose/model.js';
import type { Ignore } from './ignore.js';
import { parseIgnore } from './ignore.js';
import type { NamedContext } from './named-contexts.js';
import { folderOf, withNamedContexts } from './named-contexts.js';

/** What a build is sent: a tar, and where the Dockerfile is in it. */
export interface BuildContext {
  readonly tar: NodeJS.ReadableStream;
  readonly dockerfile: string;
  readonly dockerfileText: string;
}

/** A context that the engine fetches itself. */
export function isRemoteContext(context: string): boolean {
  return /^(?:https?|git|ssh):\/\/|^git@|^github\.com\//u.test(context);
}

/** Reads the context from this computer. Throws `not-found` that names the folder or Dockerfile. */
export async function openContext(
  service: string,
  build: Build,
  named: readonly NamedContext[] = [],
): Promise<BuildContext> {
  const root = build.context ?? '.';
  await checkFolder(`service ${service}: build context`, root);
  const folders = named.flatMap((context) => (context.kind === 'folder' ? [context] : []));
  for (const { name, path } of folders) {
    await checkFolder(`service ${service}: build context ${name}`, path);
  }
  const read = await readDockerfile(service, root, build);
  const text = withNamedContexts(read.text, named);
  // One that was changed goes beside the one that is there.
  const inside = read.inside && text === read.text;
  const name = inside ? read.name : outsideName(text);
  const ignore = await readIgnore(root, read.inside ? read.name : undefined);
  const extra = inside ? [] : [{ path: name, mode: 0o644, content: text }];
  const kept = new Set(read.inside ? [read.name, '.dockerignore'] : ['.dockerignore']);
  const files = async function* (): AsyncGenerator<TreeEntry> {
    yield* walk(root, ignore, kept);
    for (const { name: context, path } of folders) {
      for await (const entry of walk(path, await readIgnore(path, undefined))) {
        yield { ...entry, path: `${folderOf(context)}/${entry.path}` };
      }
    }
  };
  return { tar: packTree(files(), extra), dockerfile: name, dockerfileText: text };
}

async function checkFolder(what: string, path: string): Promise<void> {
  const about = await lstat(path).catch(() => undefined);
  if (about?.isDirectory() !== true)
    throw new AppError('not-found', `${what} ${path} is no folder`);
}

async function readDockerfile(
  service: string,
  root: string,
  build: Build,
): Promise<{ readonly name: string; readonly text: string; readonly inside: boolean }> {
  const inline = build.dockerfile_inline;
  if (inline !== undefined) return { name: '', text: inline, inside: false };
  const path = resolve(root, build.dockerfile ?? 'Dockerfile');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new AppError(
      'not-found',
      `service ${service}: cannot read Dockerfile ${path}: ${messageOf(error)}`,
    );
  });
  const name = relative(root, path);
  if (name.startsWith('..') || isAbsolute(name)) {
    return { name: '', text, inside: false };
  }
  return { name, text, inside: true };
}

/** A name in the archive that no file of the context has. */
function outsideName(text: string): string {
  return `.dockerfile.${createHash('sha256').update(text).digest('hex').slice(0, 20)}`;
}

/** The Dockerfile's own ignore file stands before the context's. */
async function readIgnore(root: string, dockerfile: string | undefined): Promise<Ignore> {
  const names = [
    ...(dockerfile === undefined ? [] : [`${dockerfile}.dockerignore`]),
    '.dockerignore',
  ];
  for (const name of names) {
    const text = await readFile(join(root, name), 'utf8').catch(() => undefined);
    if (text !== undefined) return parseIgnore(text);
  }
  return parseIgnore('');
}

/** Every file, folder and link that is not ignored, parents first, in the order of names. */
export async function* walk(
  root: string,
  ignore: Ignore,
  kept: ReadonlySet<string> = new Set(),
  folder = '',
): AsyncGenerator<TreeEntry> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const ignored = ignore.ignores(path) && !kept.has(path);
    if (!ignored) yield { path, source: join(root, path) };
    const below = [...kept].some((name) => name.startsWith(`${path}/`));
    if (entry.isDirectory() && (!ignored || !ignore.prunes || below)) {
      yield* walk(root, ignore, kept, path);
    }
  }
}
