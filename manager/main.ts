import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ownVersion } from './common/base/package-root.js';
import { systemClock } from './common/base/clock.js';
import { AppError, messageOf } from './common/base/errors.js';
import type { Logger } from './common/base/log.js';
import { jsonLogger } from './common/base/log.js';
import { newId } from './common/base/random.js';
import { consulCandidacy } from './candidacy/candidacy.js';
import { ManagerCredentials } from './security/credentials.js';
import type { ManagerOptions } from './manager.js';
import { Manager } from './manager.js';
import type { ManagerSettings } from './common/settings/manager-settings.js';
import { loadManagerSettings } from './settings.js';
import { openEmbedded } from './store/embedded/embedded.js';

const defaultConfig = '/etc/shoal/manager.json';

/** Throws `invalid` for unknown flags. */
function parseArguments(argv: readonly string[]): {
  readonly config: string;
  readonly retire: boolean;
} {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        config: { type: 'string', default: defaultConfig },
        retire: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new AppError('invalid', `shoal manager: ${messageOf(error)}`, { cause: error });
  }
}

/** The embedded store, or the candidacy for a store shared through Consul. */
async function storeOf(
  settings: ManagerSettings,
  log: Logger,
): Promise<ManagerOptions['openBackend']> {
  const { discovery } = settings;
  if (discovery !== undefined) return consulCandidacy({ ...settings, discovery }, log);
  return () => openEmbedded(join(settings.dataDir, 'store'));
}

/**
 * Runs the manager until `signal` aborts. With `--retire` it instead removes the data of a deleted
 * cluster from Consul.
 */
export async function runManager(argv: readonly string[], signal: AbortSignal): Promise<void> {
  const { config, retire } = parseArguments(argv);
  const settings = await loadManagerSettings(config);
  const log = jsonLogger(
    settings.logLevel,
    (line) => process.stderr.write(line),
    () => systemClock.now(),
  );
  if (retire) {
    const { retireCluster } = await import('./candidacy/retire.js');
    await retireCluster(settings, log);
    return;
  }
  const credentials = await ManagerCredentials.read({
    settings,
    clock: systemClock,
    log,
    random: Math.random,
  });
  const manager = new Manager({
    settings,
    tls: credentials.tls,
    credentials,
    version: ownVersion(),
    clock: systemClock,
    log,
    newId,
    keyPath: join(settings.dataDir, 'cluster.key'),
    openBackend: await storeOf(settings, log),
  });
  await manager.start();
  try {
    if (!signal.aborted) await Promise.race([once(signal, 'abort'), manager.ended]);
  } finally {
    await manager.stop();
  }
  log.info('manager has stopped');
}
