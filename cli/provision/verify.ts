import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../manager/common/base/errors.js';
import type { ClientCredentials, EngineVersion } from '../inventory/engine-client.js';
import {
  connectionErrorText,
  fetchEngineVersion,
  checkManagerTls,
  probeTcp,
  parseEngineVersion,
} from '../inventory/engine-client.js';
import { managerPort, remotePaths } from '../inventory/remote-paths.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import { journalTail, printEngineVersion } from '../ssh/remote-scripts.js';

/**
 * Retries `attempt` until it succeeds, the deadline passes or `isFinal` is true of a failure; then
 * throws the last failure.
 */
export async function retryUntil<T>(
  deadlineMs: number,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
  isFinal: (error: unknown) => boolean = () => false,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end || isFinal(error)) throw error;
    }
    await delay(150, undefined, { signal });
  }
}

/** Waits until the engine responds over TLS from this computer, which also rules out a firewall. */
export async function waitForEngine(
  record: MachineRecord,
  credentials: ClientCredentials,
  signal?: AbortSignal,
): Promise<EngineVersion> {
  const { IPAddress: host, EnginePort: port } = record.Driver;
  try {
    return await retryUntil(20_000, signal, async () =>
      fetchEngineVersion({ host, port }, credentials, 5000),
    );
  } catch (error) {
    signal?.throwIfAborted();
    throw new AppError(
      'unavailable',
      `${record.Name}: the engine runs but does not respond on ${host}:${String(port)}: ${connectionErrorText(error)}; check that the machine's firewall allows the port`,
      { cause: error },
    );
  }
}

const filterProbeMs = 1_500;

/** True if a firewall drops this computer's packets to a port of the machine. */
export async function isPortFiltered(record: MachineRecord, port: number): Promise<boolean> {
  const { IPAddress: host } = record.Driver;
  return (await probeTcp({ host, port }, filterProbeMs)) === 'timeout';
}

/** Waits until the engine responds on its socket, for a machine whose engine has no port. */
export async function waitForEngineSocket(
  machine: Pick<RemoteMachine, 'name' | 'run'>,
  signal?: AbortSignal,
): Promise<EngineVersion> {
  const argv = [remotePaths.node, '-e', printEngineVersion];
  const { stdout } = await retryUntil(20_000, signal, async () =>
    machine.run('reach the engine on its socket (see "systemctl status docker" on it)', argv),
  );
  return parseEngineVersion(stdout, `${machine.name}: answer of the engine to /version`);
}

async function journal(machine: Pick<RemoteMachine, 'exec'>, unit: string): Promise<string> {
  const { stdout } = await machine.exec(['sh', '-c', journalTail, 'shoal', unit, '25']);
  return stdout.trim();
}

function unitState(show: string): { running: boolean; restarts: number } {
  const value = (key: string): string =>
    new RegExp(`^${key}=(.*)$`, 'mu').exec(show)?.[1]?.trim() ?? '';
  return { running: value('SubState') === 'running', restarts: Number(value('NRestarts') || '0') };
}

/** A slow machine takes long to start a unit; one that fails restarts soon and again. */
const unitStartMs = 60_000;
const maxUnitRestarts = 3;

/** A unit that was restarted too often. */
class RestartLoopError extends Error {}

/**
 * Waits until a unit runs without a restart for 500 ms, at most 60 s or three restarts; else throws
 * with the end of its journal.
 */
export async function waitForUnit(
  machine: Pick<RemoteMachine, 'name' | 'exec'>,
  unit: string,
  signal?: AbortSignal,
): Promise<void> {
  const readState = async (): Promise<ReturnType<typeof unitState>> => {
    const properties = ['--property=SubState', '--property=NRestarts'];
    const { stdout } = await machine.exec(['systemctl', 'show', unit, ...properties]);
    return unitState(stdout);
  };
  let firstRestarts: number | undefined;
  const attempt = async (): Promise<void> => {
    const before = await readState();
    firstRestarts ??= before.restarts;
    const restarts = before.restarts - firstRestarts;
    if (restarts >= maxUnitRestarts) throw new RestartLoopError(`restarted ${restarts} times`);
    if (!before.running) throw new Error('not running');
    await delay(500, undefined, { signal });
    const after = await readState();
    if (!after.running || after.restarts !== before.restarts) throw new Error('restarts');
  };
  try {
    await retryUntil(unitStartMs, signal, attempt, (error) => error instanceof RestartLoopError);
  } catch (error) {
    signal?.throwIfAborted();
    const lines = await journal(machine, unit);
    const last = lines.split('\n').findLast((line) => !/^\S+: |^Stopped |^Started /u.test(line));
    throw new AppError(
      'unavailable',
      `${machine.name}: ${unit} keeps failing: ${last ?? 'no output'}; check "journalctl -u ${unit}" on it`,
      { detail: lines, cause: error },
    );
  }
}

/** Waits until the manager on a machine responds over TLS from this computer. */
export async function waitForManager(
  record: MachineRecord,
  credentials: ClientCredentials,
  signal?: AbortSignal,
  /** Port of this computer that leads to the manager, where a firewall closes its own. */
  tunnelPort?: number,
): Promise<void> {
  const { IPAddress: host } = record.Driver;
  const endpoint =
    tunnelPort === undefined
      ? { host, port: managerPort }
      : { host: '127.0.0.1', port: tunnelPort, certificateHost: host };
  try {
    await retryUntil(15_000, signal, async () => checkManagerTls(endpoint, credentials, 5000));
  } catch (error) {
    signal?.throwIfAborted();
    throw new AppError(
      'unavailable',
      `${record.Name}: the manager runs but does not respond on ${host}:${String(managerPort)}: ${connectionErrorText(error)}; check that the machine's firewall allows the port`,
      { cause: error },
    );
  }
}
