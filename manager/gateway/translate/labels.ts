import { containerLabels } from '../../common/model/container-labels.js';
import type { Labels } from '../../common/model/meta.js';
import type { Placed } from '../find-container.js';

/** The name of the container's node: in lists there is no other place for it. */
const nodeNameLabel = 'io.shoal.node.name';

/** The labels its engine has, and the node's name. */
export function labelsOf({ task, node }: Placed, clusterId: string): Labels {
  const owner = { clusterId, nodeId: node.id };
  return {
    ...containerLabels(task, owner, task.status.imageId ?? ''),
    [nodeNameLabel]: node.spec.name,
  };
}
