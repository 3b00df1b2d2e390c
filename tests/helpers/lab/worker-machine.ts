import type { ExecutionContext } from 'ava';
import type { Lab } from '../../../fixtures/lab/lab.js';
import type { Machine } from '../../../fixtures/lab/machine.js';
import { waitFor } from '../../../fixtures/lab/wait.js';
import {
  harnessDir,
  loadBusybox,
  removeDir,
  startHarness,
  type WorkerHarness,
} from './worker-harness.js';

/** A lab machine with a worker in this process. */
export interface WorkerMachine extends WorkerHarness {
  readonly machine: Machine;
  readonly docker: (...args: string[]) => Promise<string>;
  /** `name state` of every container. */
  readonly containers: () => Promise<readonly string[]>;
}

/** A machine with a worker and no assignments; everything it creates is removed after the test. */
export async function workerMachine(t: ExecutionContext, lab: Lab): Promise<WorkerMachine> {
  const [machine] = await lab.up(1);
  if (machine === undefined) throw new Error('no machine');
  await loadBusybox(machine);
  const dataDir = await harnessDir();
  const started = await startHarness(machine, dataDir);
  const docker = async (...args: string[]): Promise<string> =>
    (await machine.output(['docker', ...args])).trim();
  t.teardown(async () => {
    await started.stop();
    await removeDir(dataDir);
    const left = await docker('ps', '--all', '--quiet');
    if (left !== '') await docker('rm', '--force', '--volumes', ...left.split('\n'));
    await docker('network', 'prune', '--force');
  });
  await waitFor('the session', () => started.manager.connected);
  return {
    ...started,
    machine,
    docker,
    async containers() {
      const out = await docker('ps', '--all', '--format', '{{.Names}} {{.State}}');
      return out === '' ? [] : out.split('\n').sort();
    },
  };
}
