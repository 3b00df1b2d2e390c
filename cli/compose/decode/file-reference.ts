import type { FileReference } from '../model.js';
import { omitUndefined, type MappingReader } from './reader.js';

/** Reads a service's reference to a secret or config. */
export function readFileReference(r: MappingReader): FileReference {
  return omitUndefined<FileReference>({
    source: r.text('source') ?? '',
    target: r.text('target'),
    uid: r.text('uid'),
    gid: r.text('gid'),
    mode: readFileMode(r),
  });
}

/** Reads a mode: a number is used as is, a string is parsed as octal digits. */
function readFileMode(r: MappingReader): string | undefined {
  const value = r.raw('mode');
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') {
    if (!/^[0-7]{1,7}$/.test(value))
      throw r.error('mode', `"${value}" is not a file mode; write octal digits as 0440`);
    return `0${parseInt(value, 8).toString(8)}`;
  }
  const mode = r.integer('mode', 'keep') ?? 0;
  if (mode < 0) throw r.error('mode', 'is negative; write octal digits as 0440');
  return `0${mode.toString(8)}`;
}
