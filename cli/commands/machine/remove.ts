import { AppError } from '../../../manager/common/base/errors.js';
import { ProvisionProgress } from '../../output/machine-progress.js';
import { removeMachines } from '../../machine/remove.js';
import { forgetNodeIn } from '../../machine/cluster-calls.js';
import { drainNodesIn } from './drain-nodes.js';
import { confirmOnTerminal } from '../../output/confirm.js';
import { withProvisionContext } from '../../machine/with-provision-context.js';
import { joinFailures } from '../../machine/failures.js';
import type { MachineGlobals } from '../../inventory/machine-globals.js';

interface RemoveFlags extends MachineGlobals {
  readonly force: boolean;
  readonly y: boolean;
}

export async function remove(names: readonly string[], options: RemoveFlags): Promise<void> {
  if (names.length === 0) {
    throw new AppError('invalid', 'expected to get one or more machine names as arguments');
  }
  await withProvisionContext(options, async (provisioning) => {
    const wanted = [...new Set(names)];
    const records = await Promise.all(wanted.map(async (name) => provisioning.store.load(name)));
    if (!options.force && !options.y) {
      process.stdout.write(`About to remove ${wanted.join(', ')}\n`);
      if (!(await confirmOnTerminal('Are you sure?'))) return;
    }
    const progress = new ProvisionProgress(process.stdout);
    try {
      const failures = await removeMachines(provisioning, records, {
        force: options.force,
        forgetNode: forgetNodeIn(options),
        drainNodes: drainNodesIn(options),
        progressFor: (name) => progress.machine(name),
      });
      if (failures.length > 0) throw joinFailures(failures, records.length);
    } finally {
      progress.close();
    }
  });
}
