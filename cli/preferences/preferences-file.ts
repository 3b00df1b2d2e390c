import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { parseYaml } from '../compose/yaml/yaml.js';
import { noPreferences, parsePreferences } from '../dashboard/view-model/state/preferences.js';
import type { Preferences } from '../dashboard/view-model/state/view.js';

/** `$SHOAL_DASHBOARD`, or `shoal/dashboard.yaml` in the XDG configuration folder. */
export function preferencesPath(env: NodeJS.ProcessEnv): string {
  const given = env.SHOAL_DASHBOARD ?? '';
  if (given !== '') return given;
  const xdg = env.XDG_CONFIG_HOME ?? '';
  const folder = xdg === '' ? join(env.HOME ?? homedir(), '.config') : xdg;
  return join(folder, 'shoal', 'dashboard.yaml');
}

/** Reads the user's preferences, empty without a file. Throws `invalid` with file and key. */
export async function readPreferences(env: NodeJS.ProcessEnv): Promise<Preferences> {
  const file = preferencesPath(env);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return noPreferences;
    throw new AppError('invalid', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
  const [document] = parseYaml({ file, text });
  try {
    return parsePreferences(plainValue(document?.root));
  } catch (error) {
    throw new AppError('invalid', `${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** Strips the source positions that the YAML parser attaches to values. */
function plainValue(tree: unknown): unknown {
  const plain: unknown = tree === undefined ? undefined : JSON.parse(JSON.stringify(tree));
  return plain;
}
