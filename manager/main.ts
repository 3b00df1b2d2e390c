import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from './base/clock.js';
import { AppError, messageOf } from './base/errors.js';
import { jsonLogger } from './base/log.js';
import { newId } from './base/random.js';
import { Manager } from './manager.js';
import type { TlsMaterial } from './protocol/transport-tls.js';
import type { ManagerSettings } from './settings.js';
import { loadManagerSettings } from './settings.js';
import { openEmbedded } from './store/embedded/embedded.js';

const defaultConfig = '/etc/shoal/manager.json';

/** Throws `invalid` for anything but the flags it knows. */
function parseArguments(argv: readonly string[]): { readonly config: string } {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { config: { type: 'string', default: defaultConfig } },
    });
    return values;
  } catch (error) {
    throw new AppError('invalid', `shoal manager: ${messageOf(error)}`, { cause: error });
  }
}

async function readTls({ pki }: ManagerSettings): Promise<TlsMaterial> {
  const read = (path: string): Promise<string> => readFile(path, 'utf8');
  try {
    const [ca, cert, key] = await Promise.all([read(pki.ca), read(pki.cert), read(pki.key)]);
    return { ca, cert, key };
  } catch (error) {
    throw new AppError('invalid', `cannot read the manager's certificate: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function programVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** The manager's process: runs until `signal`. */
export async function runManager(argv: readonly string[], signal: AbortSignal): Promise<void> {
  const settings = await loadManagerSettings(parseArguments(argv).config);
  const log = jsonLogger(
    settings.logLevel,
    (line) => process.stderr.write(line),
    () => systemClock.now(),
  );
  const manager = new Manager({
    settings,
    tls: await readTls(settings),
    version: await programVersion(),
    clock: systemClock,
    log,
    newId,
    openBackend: () => openEmbedded(join(settings.dataDir, 'store')),
  });
  await manager.start();
  if (!signal.aborted) await once(signal, 'abort');
  await manager.stop();
  log.info('manager has stopped');
}
