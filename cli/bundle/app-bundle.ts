import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Decoder } from '../../manager/common/base/decode.js';
import {
  decodeJson,
  dictionary,
  object,
  optional,
  string,
} from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { ArchiveFile } from './archive.js';
import { sha256, packTar } from './archive.js';

/*
 * The application as uploaded to machines: the compiled folders and only the packages that manager
 * and worker load. Packages are resolved like Node does (node_modules of each parent folder), so it
 * works from a checkout and from an installed package.
 */

export interface AppBundle {
  readonly sum: string;
  /** Uncompressed tar. */
  readonly tar: Buffer;
  /** Approximate size on disk. */
  readonly bytes: number;
}

const rooms = ['cli', 'manager', 'worker', 'network'];

/** Packages that only the client uses. */
const clientOnly = new Set(['ink', 'react', 'js-yaml', 'ssh2']);

/**
 * Transitive dependencies that are never loaded at runtime: implementations for the Bare runtime,
 * types, build tools of native addons, the command line of a proto compiler.
 */
const neverLoaded =
  /^(?:bare-.*|@types\/.*|undici-types|cpu-features|nan|buildcheck|node-addon-api|yargs)$/u;

const skippedFolder = /^(?:tests?|docs?|examples?|benchmarks?|\.github|\.bin|coverage)$/u;
const skippedFile =
  /\.(?:d\.[cm]?ts|[cm]?tsx?|map|md|markdown|flow|c|cc|cpp|h|hpp|gyp|gypi|patch|html|yml|yaml)$/u;

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>> | undefined;
  readonly optionalDependencies?: Readonly<Record<string, string>> | undefined;
}

const manifest: Decoder<Manifest> = object<Manifest>({
  dependencies: optional(dictionary(string)),
  optionalDependencies: optional(dictionary(string)),
});

async function manifestOf(folder: string): Promise<Manifest> {
  const path = join(folder, 'package.json');
  return decodeJson(await readFile(path, 'utf8'), manifest, path, 'install the package again');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The folder from which Node loads `name` for a file in `from`. */
async function locate(name: string, from: string): Promise<string | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (await exists(join(candidate, 'package.json'))) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

/** False for a package with native code for another platform (`name-linux-x64` and the like). */
function isForPlatform(name: string, arch: string): boolean {
  const native = /-(linux|darwin|win32|freebsd|android)-([a-z0-9]+)/u.exec(name);
  return native === null || (native[1] === 'linux' && native[2] === arch);
}

/** The transitive closure of the dependencies: package folders by their path in the bundle. */
async function closure(root: string, arch: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const visit = async (name: string, from: string, optional: boolean): Promise<void> => {
    if (neverLoaded.test(name) || !isForPlatform(name, arch)) return;
    const folder = await locate(name, from);
    if (folder === undefined) {
      if (optional) return;
      throw new AppError('internal', `package ${name} is not installed; run npm ci`);
    }
    const fallback = folder.slice(folder.indexOf(`${sep}node_modules${sep}`) + 1);
    const bundlePath = folder.startsWith(root) ? relative(root, folder) : fallback;
    if (found.has(bundlePath)) return;
    found.set(bundlePath, folder);
    const { dependencies = {}, optionalDependencies = {} } = await manifestOf(folder);
    for (const next of Object.keys(dependencies)) {
      await visit(next, folder, next in optionalDependencies);
    }
    for (const next of Object.keys(optionalDependencies)) {
      await visit(next, folder, true);
    }
  };
  const { dependencies = {} } = await manifestOf(root);
  for (const name of Object.keys(dependencies).sort()) {
    if (!clientOnly.has(name)) await visit(name, root, false);
  }
  return found;
}

/** Skips native addons for musl, which they have in their names; machines run glibc. */
function isWantedFile(name: string): boolean {
  return !skippedFile.test(name) && !/\.musl\.node$|\.abi\d+\..*\.node$/u.test(name);
}

async function filesBelow(folder: string, prefix: string): Promise<readonly ArchiveFile[]> {
  const files: ArchiveFile[] = [];
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    const inside = `${prefix}/${entry.name}`;
    if (entry.isDirectory() && entry.name !== 'node_modules' && !skippedFolder.test(entry.name)) {
      files.push(...(await filesBelow(path, inside)));
    } else if (entry.isFile() && isWantedFile(entry.name)) {
      files.push({ path: inside, mode: 0o644, content: await readFile(path) });
    }
  }
  return files;
}

/** The folder with package.json above this file, compiled or not. */
function packageRoot(): string {
  const folder = dirname(fileURLToPath(import.meta.url));
  return join(folder, '..', '..', '..');
}

/** Packs the application for machines of an architecture (in Node's terms). */
export async function packApp(arch: string, root = packageRoot()): Promise<AppBundle> {
  const packages = await closure(root, arch);
  const files: ArchiveFile[] = [
    { path: 'package.json', mode: 0o644, content: await readFile(join(root, 'package.json')) },
  ];
  for (const room of rooms) {
    if (await exists(join(root, 'dist', room))) {
      files.push(...(await filesBelow(join(root, 'dist', room), `dist/${room}`)));
    }
  }
  for (const [bundlePath, folder] of [...packages].sort(([a], [b]) => (a < b ? -1 : 1))) {
    files.push(...(await filesBelow(folder, bundlePath)));
  }
  const tar = await packTar(files);
  return { sum: sha256(tar), tar, bytes: tar.length };
}
