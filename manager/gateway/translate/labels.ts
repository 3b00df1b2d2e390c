import { containerLabels } from '../../common/model/container-labels.js';
import type { Labels } from '../../common/model/meta.js';
import type { PlacedContainer } from '../find-container.js';

/** Label with the name of the container's node: lists have no other field for it. */
const nodeNameLabel = 'io.shoal.node.name';

/** The container's labels on its engine, plus the node's name. */
export function labelsOf({ task, node }: PlacedContainer, clusterId: string): Labels {
  const owner = { clusterId, nodeId: node.id };
  return {
    ...containerLabels(task, owner, task.status.imageId ?? ''),
    [nodeNameLabel]: node.spec.name,
  };
}
