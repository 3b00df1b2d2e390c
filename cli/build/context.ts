import { lstat, readdir, readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { TreeEntry } from '../bundle/archive.js';
import { packTree } from '../bundle/archive.js';
import type { Build } from '../compose/model.js';
import type { IgnoreRules } from './ignore.js';
import { parseIgnore } from './ignore.js';
import type { NamedContext } from './named-contexts.js';
import { folderOf, withNamedContexts } from './named-contexts.js';

/** A build context: a tar archive and the path of the Dockerfile in it. */
export interface BuildContext {
  readonly tar: NodeJS.ReadableStream;
  readonly dockerfile: string;
  readonly dockerfileText: string;
}

/** True for a context that the engine fetches itself: a Git repository or a URL. */
export function isRemoteContext(context: string): boolean {
  return /^(?:https?|git|ssh):\/\/|^git@|^github\.com\//u.test(context);
}

/**
 * Packs the build context from this computer, without files that `.dockerignore` excludes. Throws
 * `not-found` with the path if the context directory or the Dockerfile is missing.
 */
export async function openContext(
  service: string,
  build: Build,
  named: readonly NamedContext[] = [],
): Promise<BuildContext> {
  const root = build.context ?? '.';
  await requireFolder(`service ${service}: build context`, root);
  const folders = named.flatMap((context) => (context.kind === 'folder' ? [context] : []));
  for (const { name, path } of folders) {
    await requireFolder(`service ${service}: build context ${name}`, path);
  }
  const read = await readDockerfile(service, root, build);
  const text = withNamedContexts(read.text, named);
  // A modified Dockerfile is added next to the original.
  const inside = read.inside && text === read.text;
  const name = inside ? read.name : addedName(text);
  const ignore = await readIgnore(root, read.inside ? read.name : undefined);
  const extra = inside ? [] : [{ path: name, mode: 0o644, content: text }];
  const alwaysSent = new Set(read.inside ? [read.name, '.dockerignore'] : ['.dockerignore']);
  const files = async function* (): AsyncGenerator<TreeEntry> {
    yield* walkContext(root, ignore, alwaysSent);
    for (const { name: context, path } of folders) {
      for await (const entry of walkContext(path, await readIgnore(path, undefined))) {
        yield { ...entry, path: `${folderOf(context)}/${entry.path}` };
      }
    }
  };
  return { tar: packTree(files(), extra), dockerfile: name, dockerfileText: text };
}

async function requireFolder(label: string, path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats?.isDirectory() !== true)
    throw new AppError('not-found', `${label} ${path}: not a directory; check the path`);
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

/** Name of an added Dockerfile; the content hash keeps it apart from files of the context. */
function addedName(text: string): string {
  return `.dockerfile.${createHash('sha256').update(text).digest('hex').slice(0, 20)}`;
}

/** Reads the ignore file; `<Dockerfile>.dockerignore` takes precedence over `.dockerignore`. */
async function readIgnore(root: string, dockerfile: string | undefined): Promise<IgnoreRules> {
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

/**
 * Yields every file, directory and link that is not ignored, parents first, sorted by name. Paths
 * in `alwaysSent` are yielded even if ignored.
 */
export async function* walkContext(
  root: string,
  ignore: IgnoreRules,
  alwaysSent: ReadonlySet<string> = new Set(),
  folder = '',
): AsyncGenerator<TreeEntry> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const ignored = ignore.ignores(path) && !alwaysSent.has(path);
    if (!ignored) yield { path, source: join(root, path) };
    const sentBelow = [...alwaysSent].some((name) => name.startsWith(`${path}/`));
    if (entry.isDirectory() && (!ignored || !ignore.canPrune || sentBelow)) {
      yield* walkContext(root, ignore, alwaysSent, path);
    }
  }
}
