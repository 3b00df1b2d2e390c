import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../manager/common/base/errors.js';
import type { Credentials, EngineVersion } from '../inventory/engine-client.js';
import { connectionProblem, engineVersion, managerAnswers } from '../inventory/engine-client.js';
import { managerPort } from '../inventory/layout.js';
import type { MachineRecord } from '../inventory/record.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import { journalTail } from '../ssh/remote-scripts.js';

/** Tries until it succeeds or the deadline passes; then throws the last failure. */
export async function eventually<T>(
  deadlineMs: number,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await delay(150, undefined, { signal });
  }
}

/** Waits until the engine answers over TLS from here, which also shows that no firewall is between. */
export async function waitForEngine(
  record: MachineRecord,
  credentials: Credentials,
  signal?: AbortSignal,
): Promise<EngineVersion> {
  const { IPAddress: host, EnginePort: port } = record.Driver;
  try {
    return await eventually(20_000, signal, async () =>
      engineVersion({ host, port }, credentials, 5000),
    );
  } catch (error) {
    signal?.throwIfAborted();
    throw new AppError(
      'unavailable',
      `${record.Name}: the engine runs but does not answer on ${host}:${String(port)}: ${connectionProblem(error)}; is the port open in the machine's firewall?`,
      { cause: error },
    );
  }
}

async function journal(machine: RemoteMachine, unit: string): Promise<string> {
  const { stdout } = await machine.exec(['sh', '-c', journalTail, 'shoal', unit, '25']);
  return stdout.trim();
}

function unitState(show: string): { running: boolean; restarts: number } {
  const value = (key: string): string =>
    new RegExp(`^${key}=(.*)$`, 'mu').exec(show)?.[1]?.trim() ?? '';
  return { running: value('SubState') === 'running', restarts: Number(value('NRestarts') || '0') };
}

/** Waits until a service runs and stays up; its own last words are in the error otherwise. */
export async function waitForUnit(
  machine: RemoteMachine,
  unit: string,
  signal?: AbortSignal,
): Promise<void> {
  const look = async (): Promise<ReturnType<typeof unitState>> => {
    const properties = ['--property=SubState', '--property=NRestarts'];
    const { stdout } = await machine.exec(['systemctl', 'show', unit, ...properties]);
    return unitState(stdout);
  };
  try {
    await eventually(10_000, signal, async () => {
      const before = await look();
      if (!before.running) throw new Error('does not run');
      await delay(500, undefined, { signal });
      const after = await look();
      if (!after.running || after.restarts !== before.restarts) throw new Error('restarts');
    });
  } catch (error) {
    signal?.throwIfAborted();
    const said = await journal(machine, unit);
    const last = said.split('\n').findLast((line) => !/^\S+: |^Stopped |^Started /u.test(line));
    throw new AppError(
      'unavailable',
      `${machine.name}: ${unit} does not stay up: ${last ?? 'see its journal'}; look at "journalctl -u ${unit}" there`,
      { detail: said, cause: error },
    );
  }
}

/** Waits until the manager on a machine answers over TLS from here. */
export async function waitForManager(
  record: MachineRecord,
  credentials: Credentials,
  signal?: AbortSignal,
): Promise<void> {
  const { IPAddress: host } = record.Driver;
  try {
    await eventually(15_000, signal, async () =>
      managerAnswers({ host, port: managerPort }, credentials, 5000),
    );
  } catch (error) {
    signal?.throwIfAborted();
    throw new AppError(
      'unavailable',
      `${record.Name}: the manager runs but does not answer on ${host}:${String(managerPort)}: ${connectionProblem(error)}; is the port open in the machine's firewall?`,
      { cause: error },
    );
  }
}
