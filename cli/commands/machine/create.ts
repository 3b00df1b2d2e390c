import { AppError } from '../../../manager/common/base/errors.js';
import { checkClusterName } from '../../inventory/cluster-record.js';
import { ProvisionBatch } from '../../machine/provision-batch.js';
import { createMachines } from '../../machine/create.js';
import { MachineStore, resolveStoreFolder } from '../../inventory/machine-store.js';
import { ProvisionProgress } from '../../output/machine-progress.js';
import { ProvisionContext } from '../../machine/provision-context.js';
import { nodeReadyIn } from '../../machine/cluster-calls.js';
import { joinFailures } from '../../machine/failures.js';
import type { CreateOptions, MachineGlobals } from '../../arguments/machine-options.js';

/** Runs `body` with a provisioning context; SIGINT and SIGTERM abort it as `cancelled`. */
export async function withProvisionContext<T>(
  options: MachineGlobals & {
    readonly runtime?: string;
    readonly consulBinary?: string | undefined;
  },
  body: (workshop: ProvisionContext) => Promise<T>,
): Promise<T> {
  const interrupt = new AbortController();
  const stop = (): void => {
    interrupt.abort(new AppError('cancelled', 'interrupted; run the command again to continue'));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const workshop = new ProvisionContext({
    store: new MachineStore(resolveStoreFolder(options.storagePath, process.env)),
    env: process.env,
    runtimePath: options.runtime,
    consulPath: options.consulBinary,
    signal: interrupt.signal,
  });
  try {
    return await body(workshop);
  } finally {
    workshop.close();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

export async function runMachineCreate(
  names: readonly string[],
  options: CreateOptions,
): Promise<void> {
  await withProvisionContext(options, async (workshop) => {
    const requested = options.cluster ?? process.env.SHOAL_CLUSTER ?? '';
    const current = options.swarmMaster ? undefined : await workshop.store.currentCluster();
    const cluster = requested === '' ? (current ?? 'default') : requested;
    checkClusterName(cluster);
    if (options.restore !== undefined) {
      const { restoreCluster } = await import('./restore.js');
      await restoreCluster(workshop, names, { ...options, restore: options.restore }, cluster);
      return;
    }
    const failures = await createMachines(workshop, names, options, {
      cluster,
      nodeReady: nodeReadyIn(options),
    });
    if (failures.length > 0) throw joinFailures(failures, names.length);
  });
}

/** The commands `provision` and `regenerate-certs`; `renew` reissues certificates. */
export async function provisionAgain(
  names: readonly string[],
  options: MachineGlobals & { readonly runtime?: string; readonly force?: boolean },
  renew: boolean,
): Promise<void> {
  if (renew && options.force !== true) {
    const { confirmOnTerminal } = await import('../../output/confirm.js');
    if (!(await confirmOnTerminal('Regenerate TLS machine certs?  Warning: this is irreversible.')))
      return;
  }
  await withProvisionContext(options, async (workshop) => {
    const records = await Promise.all(names.map(async (name) => workshop.store.load(name)));
    const unmanaged = records.find((record) => record.DriverName === 'none');
    if (unmanaged !== undefined) {
      throw new AppError(
        'unsupported',
        `machine "${unmanaged.Name}": cannot be provisioned with driver none`,
      );
    }
    const progress = new ProvisionProgress(process.stdout, options.progress);
    try {
      const failures = await new ProvisionBatch(workshop, progress, {
        renew,
        nodeReady: nodeReadyIn(options),
      }).run(records);
      if (failures.length > 0) throw joinFailures(failures, records.length);
    } finally {
      progress.close();
    }
  });
}
