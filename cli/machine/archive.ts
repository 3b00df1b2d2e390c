import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';

/** One file of an archive; its folder appears by itself when unpacked. */
export interface ArchiveFile {
  readonly path: string;
  readonly mode: number;
  readonly content: Buffer | string;
}

/** A tar of these files, owned by root and without times: same files, same bytes. */
export async function toTar(files: readonly ArchiveFile[]): Promise<Buffer> {
  const archive = pack();
  const bytes = buffer(archive);
  for (const { path, mode, content } of files) {
    archive.entry({ name: path, mode, mtime: new Date(0), uid: 0, gid: 0 }, content);
  }
  archive.finalize();
  return bytes;
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
