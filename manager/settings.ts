import { readFile } from 'node:fs/promises';
import { AppError, messageOf } from './common/base/errors.js';
import type { ManagerSettings } from './common/settings/manager-settings.js';
import { decodeManagerSettings } from './common/settings/manager-settings.js';

/** Reads the settings file. Rejects with `invalid`, naming file and key. */
export async function loadManagerSettings(path: string): Promise<ManagerSettings> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('invalid', `settings of the manager: cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return decodeManagerSettings(text, path);
}
