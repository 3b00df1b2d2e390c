import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeJson, nonEmptyString, object } from './decode.js';

const manifest = object<{ readonly version: string }>({ version: nonEmptyString });

/**
 * The folder of the nearest package.json above this file, compiled alone or joined into the program:
 * a checkout, an installed package or the program on a machine. Undefined without one.
 */
export function packageRoot(): string | undefined {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Version of this program in package.json; `unknown` without one. */
export function ownVersion(): string {
  const root = packageRoot();
  if (root === undefined) return 'unknown';
  const file = join(root, 'package.json');
  return decodeJson(readFileSync(file, 'utf8'), manifest, file, 'install shoal again').version;
}
