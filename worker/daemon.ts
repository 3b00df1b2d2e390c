import { ownVersion } from '../manager/common/base/package-root.js';
import { systemClock } from '../manager/common/base/clock.js';
import type { Logger } from '../manager/common/base/log.js';
import type { DnsServer } from '../network/dns/server.js';
import { untilAborted } from '../manager/common/base/cancellation.js';
import { connectEngine, type Engine } from './engine.js';
import type { DataPlane } from './executor/data-plane.js';
import { EngineDataPlane } from './executor/engine-data-plane.js';
import { openOverlay } from './overlay-data-plane.js';
import { purgeNode } from './purge.js';
import { WorkerCredentials } from './session/credentials.js';
import type { EffectiveSettings } from './settings.js';
import { Worker } from './worker.js';

interface DaemonInput {
  readonly settings: EffectiveSettings;
  readonly log: Logger;
  /** The DNS server, already answering; undefined if the engine resolves names. */
  readonly names: DnsServer | undefined;
}

/** Runs the worker until `signal` aborts; DNS no longer answers once it has resolved. */
export async function runDaemon(input: DaemonInput, signal: AbortSignal): Promise<void> {
  const { settings, log, names } = input;
  const engine = connectEngine(settings, systemClock, log);
  const credentials = await WorkerCredentials.read({
    ...settings,
    clock: systemClock,
    log,
    random: Math.random,
  });
  const worker = new Worker({
    settings,
    version: ownVersion(),
    clock: systemClock,
    log,
    engine,
    dataPlane: openDataPlane(settings, engine, log, names),
    dial: credentials.dial,
    credentials,
  });
  log.info('worker started', { node: settings.name, managers: settings.managers.join(' ') });
  try {
    await worker.start();
    await untilAborted(new Promise<never>(() => undefined), signal).catch(() => undefined);
  } finally {
    await worker.stop();
  }
  log.info('worker stopped');
}

/** Removes all cluster objects from this machine, with `volumes` also named volumes. */
export async function runPurge(
  input: {
    readonly settings: EffectiveSettings;
    readonly log: Logger;
    readonly volumes: boolean;
  },
  signal: AbortSignal,
): Promise<void> {
  const { settings, log } = input;
  const engine = connectEngine(settings, systemClock, log);
  await purgeNode({ ...input, engine, dataPlane: openDataPlane(settings, engine, log) }, signal);
}

function openDataPlane(
  settings: EffectiveSettings,
  engine: Engine,
  log: Logger,
  names?: DnsServer,
): DataPlane {
  const clock = systemClock;
  const { networks } = engine;
  if (settings.dataPlane === 'engine') return new EngineDataPlane({ networks, clock, log });
  return openOverlay({ bridges: networks, address: settings.address, clock, log }, names);
}
