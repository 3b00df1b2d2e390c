import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../manager/common/base/errors.js';
import type { WorkerSettings } from '../manager/common/settings/worker-settings.js';
import { decodeWorkerSettings } from '../manager/common/settings/worker-settings.js';

/** The settings of a running worker: those of its file, completed for the process's user. */
export interface EffectiveSettings extends WorkerSettings {
  readonly secretsDir: string;
}

export interface ProcessUser {
  readonly isRoot: boolean;
  /** The user's runtime directory on tmpfs (XDG_RUNTIME_DIR), if the system provides one. */
  readonly runtimeDir: string | undefined;
}

/** Reads the settings file; throws `invalid` with the file and key. */
export async function loadSettings(path: string): Promise<EffectiveSettings> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('invalid', `settings of the worker: cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return parseSettings(text, path, {
    isRoot: process.getuid?.() === 0,
    runtimeDir: process.env.XDG_RUNTIME_DIR,
  });
}

/** Throws `forbidden` if the data plane requires root and the user is not root. */
export function parseSettings(text: string, path: string, user: ProcessUser): EffectiveSettings {
  const settings = decodeWorkerSettings(text, path);
  const { isRoot, runtimeDir } = user;
  if (settings.dataPlane === 'overlay' && !isRoot) {
    throw new AppError(
      'forbidden',
      `${path}: dataPlane overlay requires root; run the worker as root or set dataPlane to engine`,
    );
  }
  const secretsDir = isRoot
    ? '/run/shoal/secrets'
    : join(runtimeDir ?? settings.dataDir, 'shoal-secrets');
  return { secretsDir, ...settings };
}
