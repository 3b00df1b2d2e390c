import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, constants } from 'node:zlib';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { AppBundle } from './app-bundle.js';

/** Something to upload: found on the machine by its checksum, sent from a gzip file in the cache. */
export interface Upload {
  /** sha256 of what is in the gzip file, as hex. */
  readonly sum: string;
  /** Bytes when unpacked. */
  readonly bytes: number;
  readonly gzipPath: string;
  readonly gzipBytes: number;
}

/** e_machine of ELF to Node's word. */
const elfMachines: Readonly<Record<number, string>> = {
  0x03: 'ia32',
  0x28: 'arm',
  0x3e: 'x64',
  0xb7: 'arm64',
};

/** The architecture an executable is for; throws when it is none for Linux. */
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
          ? `runtime ${path} is no Linux program: give --runtime the bin/node of a Linux build of Node`
          : `${what} ${path} is no Linux program`,
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

/** Compresses into the cache under a private name first, so that several processes may do it. */
async function cached(
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

/** Removes packed versions that nobody has used for a week. */
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

/** The Node program to run there, packed once per checksum. */
export async function packRuntime(path: string, cacheFolder: string): Promise<Upload> {
  return packProgram('node', path, cacheFolder);
}

async function packProgram(kind: string, path: string, cacheFolder: string): Promise<Upload> {
  await mkdir(cacheFolder, { recursive: true, mode: 0o700 });
  const [sum, { size: bytes }] = await Promise.all([checksum(path), stat(path)]);
  const gzipPath = join(cacheFolder, `${kind}-${sum}.gz`);
  await cached(gzipPath, () => createReadStream(path, { highWaterMark: 1024 * 1024 }));
  await pruneCache(cacheFolder, gzipPath);
  return { sum, bytes, gzipPath, gzipBytes: (await stat(gzipPath)).size };
}

/** A Consul program, packed once per checksum; throws when it is for another architecture. */
export async function packConsul(path: string, arch: string, cacheFolder: string): Promise<Upload> {
  const has = await executableArch(path, 'consul');
  if (has !== arch) {
    throw new AppError('unsupported', `consul ${path} is for ${has}, the machine is ${arch}`);
  }
  return packProgram('consul', path, cacheFolder);
}

/** The application, packed once per checksum. */
export async function cacheApp(bundle: AppBundle, cacheFolder: string): Promise<Upload> {
  await mkdir(cacheFolder, { recursive: true, mode: 0o700 });
  const gzipPath = join(cacheFolder, `app-${bundle.sum}.tar.gz`);
  await cached(gzipPath, () => [bundle.tar]);
  await pruneCache(cacheFolder, gzipPath);
  return {
    sum: bundle.sum,
    bytes: bundle.bytes,
    gzipPath,
    gzipBytes: (await stat(gzipPath)).size,
  };
}
