import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { parseYaml } from '../compose/yaml/yaml.js';
import { noPreferences, parsePreferences } from './view-model/state/preferences.js';
import type { Preferences } from './view-model/state/view.js';

/** `$SHOAL_DASHBOARD`, else `dashboard.yaml` below XDG's folder of configuration. */
export function preferencesPath(env: NodeJS.ProcessEnv): string {
  const given = env.SHOAL_DASHBOARD ?? '';
  if (given !== '') return given;
  const xdg = env.XDG_CONFIG_HOME ?? '';
  const folder = xdg === '' ? join(env.HOME ?? homedir(), '.config') : xdg;
  return join(folder, 'shoal', 'dashboard.yaml');
}

/** What the user's file says; nothing when there is none. Throws `invalid` with file and place. */
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
    return parsePreferences(plain(document?.root));
  } catch (error) {
    throw new AppError('invalid', `${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** Without the places that the loader of Compose files keeps beside its values. */
function plain(tree: unknown): unknown {
  return tree === undefined ? undefined : (JSON.parse(JSON.stringify(tree)) as unknown);
}
