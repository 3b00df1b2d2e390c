import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeJson, nonEmptyString, object } from '../manager/common/base/decode.js';

const manifest = object<{ readonly version: string }>({ version: nonEmptyString });

/**
 * The file that Node starts as `shoal`. It lies beside this file, compiled alone or joined into the
 * program.
 */
export const entryPoint = fileURLToPath(new URL('./main.js', import.meta.url));

/** The folder of the nearest package.json above this file: a checkout or an installed package. */
export function packageRoot(): string | undefined {
  for (let folder = dirname(entryPoint); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Version in package.json; `unknown` without one. */
export function ownVersion(): string {
  const root = packageRoot();
  if (root === undefined) return 'unknown';
  const file = join(root, 'package.json');
  return decodeJson(readFileSync(file, 'utf8'), manifest, file, 'install shoal again').version;
}
