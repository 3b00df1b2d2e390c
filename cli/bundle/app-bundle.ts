import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { packageRoot } from '../../manager/common/base/package-root.js';
import type { ArchiveFile } from './archive.js';
import { sha256, packTar } from './archive.js';

export interface AppBundle {
  readonly sum: string;
  /** Uncompressed tar. */
  readonly tar: Buffer;
  /** Approximate size on disk. */
  readonly bytes: number;
}

const program = join('dist', 'program');

/**
 * Packs the program for a machine of any architecture: the files that `npm run build` makes, and
 * package.json for the version. Throws `unavailable` if the program is not built.
 */
export async function packApp(root = packageRoot()): Promise<AppBundle> {
  const names = root === undefined ? [] : await namesIn(join(root, program));
  if (root === undefined || names.length === 0)
    throw new AppError(
      'unavailable',
      `${join(root ?? '.', program)} has no program for machines; run npm run build there or install shoal again`,
    );
  const files: ArchiveFile[] = [];
  for (const path of ['package.json', ...names.map((name) => join(program, name))])
    files.push({ path, mode: 0o644, content: await contentOf(join(root, path)) });
  const tar = await packTar(files);
  return { sum: sha256(tar), tar, bytes: tar.length };
}

/** Sorted, so that the same program has the same checksum. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).then(
    (names) => names.sort(),
    () => [],
  );
}

async function contentOf(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    throw new AppError('unavailable', `${path}: ${messageOf(error)}; install shoal again`);
  });
}
