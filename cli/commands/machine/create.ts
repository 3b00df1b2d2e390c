import { AppError } from '../../../manager/common/base/errors.js';
import { checkClusterName } from '../../inventory/cluster-record.js';
import { ProvisionBatch } from '../../machine/provision-batch.js';
import { createMachines } from '../../machine/create.js';
import { ProvisionProgress } from '../../output/machine-progress.js';
import { nodeReadyIn } from '../../machine/cluster-calls.js';
import { joinFailures } from '../../machine/failures.js';
import type { CreateOptions } from '../../machine/create-options.js';
import { withEnginePort } from '../../inventory/machine-record.js';
import type { MachineGlobals } from '../../inventory/machine-globals.js';
import { withProvisionContext } from '../../machine/with-provision-context.js';

export async function runMachineCreate(
  names: readonly string[],
  options: CreateOptions,
): Promise<void> {
  await withProvisionContext(options, async (provisioning) => {
    const requested = options.cluster ?? process.env.SHOAL_CLUSTER ?? '';
    const current = options.swarmMaster ? undefined : await provisioning.store.currentCluster();
    const cluster = requested === '' ? (current ?? 'default') : requested;
    checkClusterName(cluster);
    if (options.restore !== undefined) {
      const { restoreCluster } = await import('./restore.js');
      await restoreCluster(provisioning, names, { ...options, restore: options.restore }, cluster);
      return;
    }
    const failures = await createMachines(provisioning, names, options, {
      cluster,
      nodeReady: nodeReadyIn(options),
    });
    if (failures.length > 0) throw joinFailures(failures, names.length);
  });
}

/** The commands `provision` and `regenerate-certs`; `renew` reissues certificates. */
export async function provisionAgain(
  names: readonly string[],
  options: MachineGlobals & {
    readonly runtime?: string;
    readonly force?: boolean;
    /** --engine-port or --no-engine-port; undefined leaves the port as it is. */
    readonly enginePort?: boolean;
  },
  renew: boolean,
): Promise<void> {
  if (renew && options.force !== true) {
    const { confirmOnTerminal } = await import('../../output/confirm.js');
    if (!(await confirmOnTerminal('Regenerate TLS machine certs?  Warning: this is irreversible.')))
      return;
  }
  await withProvisionContext(options, async (provisioning) => {
    const { enginePort } = options;
    const loaded = await Promise.all(names.map(async (name) => provisioning.store.load(name)));
    const records = loaded.map((record) =>
      enginePort === undefined ? record : withEnginePort(record, enginePort),
    );
    const unmanaged = records.find((record) => record.DriverName === 'none');
    if (unmanaged !== undefined) {
      throw new AppError(
        'unsupported',
        `machine "${unmanaged.Name}": cannot be provisioned with driver none`,
      );
    }
    const progress = new ProvisionProgress(process.stdout, options.progress);
    try {
      const failures = await new ProvisionBatch(provisioning, progress, {
        renew,
        nodeReady: nodeReadyIn(options),
      }).run(records);
      if (failures.length > 0) throw joinFailures(failures, records.length);
    } finally {
      progress.close();
    }
  });
}
