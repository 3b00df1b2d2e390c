import { rm } from 'node:fs/promises';
import { AppError, isUnavailable, messageOf } from '../manager/common/base/errors.js';
import type { Logger } from '../manager/common/base/log.js';
import type { Engine } from './engine.js';
import type { DataPlane } from './executor/data-plane.js';
import type { EffectiveSettings } from './settings.js';

export interface PurgeOptions {
  readonly settings: EffectiveSettings;
  readonly engine: Engine;
  readonly dataPlane: DataPlane;
  readonly log: Logger;
  /** Also removes named volumes and their data. */
  readonly volumes: boolean;
}

const deadlineMs = 120_000;

/**
 * Removes all cluster objects from this machine: containers, networks and their devices, files. The
 * worker must be stopped. Idempotent; continues after a failure and throws the first error at the
 * end.
 */
export async function purgeNode(options: PurgeOptions, callerSignal: AbortSignal): Promise<void> {
  const { settings, engine, dataPlane, log } = options;
  const signal = AbortSignal.any([callerSignal, AbortSignal.timeout(deadlineMs)]);
  const failures: unknown[] = [];
  const attempt = async (step: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      log.info(`purge: ${step}`);
    } catch (error) {
      failures.push(error);
      log.error(`purge: ${step}: ${messageOf(error)}`);
    }
  };
  await attempt('containers removed', () => removeContainers(engine, signal));
  await attempt('anonymous volumes removed', () =>
    engine.slotVolumes.removeUnused(() => false, signal),
  );
  await attempt('networks removed', () => dataPlane.purge(signal));
  if (options.volumes) await attempt('volumes removed', () => engine.volumes.removeAll(signal));
  await attempt('files removed', async () => {
    await engine.files.removeAll();
    await rm(settings.dataDir, { recursive: true, force: true });
  });
  await engine.containers.stop();
  if (failures.length > 0) throw failures[0];
}

async function removeContainers(engine: Engine, signal: AbortSignal): Promise<void> {
  const { containers, executor, client } = engine;
  try {
    await client.negotiate(signal);
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    throw new AppError(
      'unavailable',
      `${messageOf(error)}; start the engine to remove its containers`,
    );
  }
  containers.start();
  await containers.synced(signal);
  for (const container of [...containers.all()]) await executor.remove(container.id, signal);
}
