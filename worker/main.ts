import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '../manager/base/clock.js';
import { AppError, messageOf } from '../manager/base/errors.js';
import { jsonLogger, type Logger } from '../manager/base/log.js';
import { untilAborted } from './cancellation.js';
import { connectEngine, type Engine } from './engine.js';
import type { DataPlane } from './executor/data-plane.js';
import { EngineDataPlane } from './executor/engine-data-plane.js';
import { openOverlay } from './overlay-data-plane.js';
import { purge } from './purge.js';
import { Credentials } from './session/credentials.js';
import { loadSettings, type WorkerSettings } from './settings.js';
import { Worker } from './worker.js';

const defaultConfig = '/etc/shoal/worker.json';

interface WorkerArguments {
  readonly config: string;
  readonly purge: boolean;
  readonly volumes: boolean;
}

/** Throws `invalid` for anything but the flags it knows. */
export function parseArguments(argv: readonly string[]): WorkerArguments {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        config: { type: 'string', default: defaultConfig },
        purge: { type: 'boolean', default: false },
        volumes: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new AppError('invalid', `shoal worker: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * The worker's process: runs until `signal`, then leaves containers and networks as they are. With
 * `--purge` it removes all of the cluster from this machine instead (named volumes with `--volumes`).
 */
export async function runWorker(argv: readonly string[], signal: AbortSignal): Promise<void> {
  const args = parseArguments(argv);
  const settings = await loadSettings(args.config);
  const log = jsonLogger(
    settings.logLevel,
    (line) => process.stderr.write(line),
    () => systemClock.now(),
  );
  const engine = connectEngine(settings, systemClock, log);
  const dataPlane = openDataPlane(settings, engine, log);
  if (args.purge) {
    await purge({ settings, engine, dataPlane, log, volumes: args.volumes }, signal);
    return;
  }
  const credentials = await Credentials.read({
    ...settings,
    clock: systemClock,
    log,
    random: Math.random,
  });
  const worker = new Worker({
    settings,
    version: await programVersion(),
    clock: systemClock,
    log,
    engine,
    dataPlane,
    dial: credentials.dial,
    credentials,
  });
  log.info('worker starts', { node: settings.name, managers: settings.managers.join(' ') });
  try {
    await worker.start();
    await untilAborted(new Promise<never>(() => undefined), signal).catch(() => undefined);
  } finally {
    await worker.stop();
  }
  log.info('worker has stopped');
}

function openDataPlane(settings: WorkerSettings, engine: Engine, log: Logger): DataPlane {
  const clock = systemClock;
  const { networks } = engine;
  if (settings.dataPlane === 'engine') return new EngineDataPlane({ networks, clock, log });
  return openOverlay({ bridges: networks, address: settings.address, clock, log });
}

async function programVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
