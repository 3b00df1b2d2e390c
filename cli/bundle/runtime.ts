import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, constants } from 'node:zlib';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { AppBundle } from './app-bundle.js';

/**
 * An artifact to upload: identified on the machine by its checksum, sent as gzip from the cache.
 */
export interface Upload {
  /** sha256 of the uncompressed content, in hex. */
  readonly sum: string;
  /** Uncompressed size. */
  readonly bytes: number;
  readonly gzipPath: string;
  readonly gzipBytes: number;
}

/** From ELF's e_machine to Node's `process.arch`. */
const elfMachines: Readonly<Record<number, string>> = {
  0x03: 'ia32',
  0x28: 'arm',
  0x3e: 'x64',
  0xb7: 'arm64',
};

/** The architecture of a Linux executable in Node's terms; throws `invalid` for any other file. */
export async function executableArch(path: string, what = 'runtime'): Promise<string> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new AppError('invalid', `${what} ${path}: ${messageOf(error)}`, { cause: error });
  });
  try {
    const header = Buffer.alloc(20);
    await file.read(header, 0, 20, 0);
    if (header.readUInt32BE(0) !== 0x7f454c46) {
      throw new AppError(
        'invalid',
        what === 'runtime'
          ? `runtime ${path} is not a Linux executable; set --runtime to the bin/node of a Linux build of Node`
          : `${what} ${path} is not a Linux executable`,
      );
    }
    const machine = header.readUInt16LE(18);
    return elfMachines[machine] ?? `machine ${String(machine)}`;
  } finally {
    await file.close();
  }
}

async function checksum(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Compresses into the cache through a private file, so that processes may do so concurrently. */
async function ensureCached(
  gzipPath: string,
  source: () => NodeJS.ReadableStream | Iterable<Buffer>,
): Promise<void> {
  if (await exists(gzipPath)) return;
  const partial = `${gzipPath}.${String(process.pid)}.new`;
  try {
    const gzip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 1024 * 1024 });
    await pipeline(source(), gzip, createWriteStream(partial, { mode: 0o600 }));
    await rename(partial, gzipPath);
  } finally {
    await rm(partial, { force: true });
  }
}

const keptMs = 7 * 86_400_000;

/** Removes cached files that were not used for a week. */
async function pruneCache(folder: string, used: string): Promise<void> {
  const now = new Date();
  await utimes(used, now, now);
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info !== undefined && now.getTime() - info.mtimeMs > keptMs)
      await rm(path, { force: true });
  }
}

/** Packs the Node binary for upload, once per checksum. */
export async function packRuntime(path: string, cacheFolder: string): Promise<Upload> {
  return packProgram('node', path, cacheFolder);
}

async function packProgram(kind: string, path: string, cacheFolder: string): Promise<Upload> {
  await mkdir(cacheFolder, { recursive: true, mode: 0o700 });
  const [sum, { size: bytes }] = await Promise.all([checksum(path), stat(path)]);
  const gzipPath = join(cacheFolder, `${kind}-${sum}.gz`);
  await ensureCached(gzipPath, () => createReadStream(path, { highWaterMark: 1024 * 1024 }));
  await pruneCache(cacheFolder, gzipPath);
  return { sum, bytes, gzipPath, gzipBytes: (await stat(gzipPath)).size };
}

/** Packs a Consul binary for upload, once per checksum; throws `unsupported` for another `arch`. */
export async function packConsul(path: string, arch: string, cacheFolder: string): Promise<Upload> {
  const actual = await executableArch(path, 'consul');
  if (actual !== arch) {
    throw new AppError('unsupported', `consul ${path} is for ${actual}, the machine is ${arch}`);
  }
  return packProgram('consul', path, cacheFolder);
}

/** Compresses the application for upload, once per checksum. */
export async function cacheApp(bundle: AppBundle, cacheFolder: string): Promise<Upload> {
  await mkdir(cacheFolder, { recursive: true, mode: 0o700 });
  const gzipPath = join(cacheFolder, `app-${bundle.sum}.tar.gz`);
  await ensureCached(gzipPath, () => [bundle.tar]);
  await pruneCache(cacheFolder, gzipPath);
  return {
    sum: bundle.sum,
    bytes: bundle.bytes,
    gzipPath,
    gzipBytes: (await stat(gzipPath)).size,
  };
}
