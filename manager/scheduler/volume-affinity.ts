import { isAssigned } from '../common/model/task-state.js';
import type { Bound, Demand } from './demand.js';
import { candidateName } from './demand.js';
import { fitsOn } from './filters/pipeline.js';
import type { NodeSet } from './node-set.js';

/**
 * Restricts a task to the node of the anonymous volumes that the image's `VOLUME` made for its slot,
 * as long as that node can run it, at the latest when the previous task has ended. Otherwise the
 * task goes elsewhere and gets new volumes.
 */
export function preferVolumeNode(demand: Demand, set: NodeSet): Demand {
  const holder = set.volumeHolder(demand.task);
  const nodeId = holder?.task.nodeId;
  if (holder === undefined || nodeId === undefined || holder.isExplicit) return demand;
  const candidate = isAssigned(holder.task.status.state)
    ? set.candidateWithout(holder.task)
    : set.get(nodeId);
  if (candidate === undefined || !fitsOn(demand, candidate)) return demand;
  const cause = `its anonymous volume ${holder.targets.join(', ')} is on ${candidateName(nodeId, set)}`;
  const causes = demand.bound === undefined ? [cause] : [demand.bound.cause, cause];
  const bound: Bound = { nodeIds: [nodeId], cause: causes.join(', ') };
  return { ...demand, bound };
}
