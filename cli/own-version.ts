import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeJson, nonEmptyString, object } from '../manager/common/base/decode.js';

const manifest = object<{ readonly version: string }>({ version: nonEmptyString });

/** Version from the nearest package.json above this file, which lies next to `dist`. */
export function ownVersion(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) {
      return decodeJson(readFileSync(file, 'utf8'), manifest, file, 'install shoal again').version;
    }
    const parent = dirname(folder);
    if (parent === folder) return 'unknown';
    folder = parent;
  }
}
