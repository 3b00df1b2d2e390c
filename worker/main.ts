import { parseArgs } from 'node:util';
import { systemClock } from '../manager/common/base/clock.js';
import { AppError, messageOf } from '../manager/common/base/errors.js';
import { jsonLogger } from '../manager/common/base/log.js';
import { startDnsServer } from './dns.js';
import { loadSettings } from './settings.js';

const defaultConfig = '/etc/shoal/worker.json';

interface WorkerArguments {
  readonly config: string;
  readonly purge: boolean;
  readonly volumes: boolean;
}

/** Parses the command line; throws `invalid` for unknown arguments. */
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
 * Runs the worker process until `signal` aborts, then leaves containers and networks in place. With
 * `--purge` it removes all cluster objects from this machine instead (with `--volumes` also named
 * volumes). DNS starts before the rest of the program is imported, because containers cannot wait
 * that long for answers.
 */
export async function runWorker(argv: readonly string[], signal: AbortSignal): Promise<void> {
  const args = parseArguments(argv);
  const settings = await loadSettings(args.config);
  const clock = systemClock;
  const log = jsonLogger(
    settings.logLevel,
    (line) => process.stderr.write(line),
    () => clock.now(),
  );
  if (args.purge) {
    const { runPurge } = await import('./daemon.js');
    await runPurge({ settings, log, volumes: args.volumes }, signal);
    return;
  }
  const dns =
    settings.dataPlane === 'overlay' ? await startDnsServer(settings, clock, log) : undefined;
  const { runDaemon } = await import('./daemon.js');
  await runDaemon({ settings, log, names: dns }, signal);
}
