import { podLinksOf } from '../../../manager/common/model/pod.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { StartGate } from '../../../manager/orchestrator/start-gate.js';
import type { ServiceSnapshot } from '../../../manager/orchestrator/service-snapshot.js';
import { aNode } from '../../../fixtures/cluster/build.js';

export interface ServiceSnapshotOptions {
  readonly nodes?: readonly Node[];
  readonly now?: number;
  readonly gate?: StartGate;
  readonly owners?: readonly Task[];
  readonly hasFollowers?: boolean;
  readonly awaitsDependents?: boolean;
  readonly quota?: ServiceSnapshot['quota'];
}

/** The orchestrator's input for one service, with three ready nodes by default. */
export function aServiceSnapshot(
  service: Service,
  tasks: readonly Task[],
  options: ServiceSnapshotOptions = {},
): ServiceSnapshot {
  const nodes = options.nodes ?? ['node-1', 'node-2', 'node-3'].map((name) => aNode(name));
  return {
    service,
    tasks,
    nodes: new Map(nodes.map((node) => [node.id, node])),
    now: options.now ?? 0,
    gate: options.gate ?? { open: true },
    leaders: podLinksOf(service.spec.task.container).map((tie) => ({
      tie,
      bySlot: new Map(options.owners?.map((task) => [task.slot, task])),
    })),
    hasFollowers: options.hasFollowers ?? false,
    awaitsDependents: options.awaitsDependents ?? false,
    ...(options.quota === undefined ? {} : { quota: options.quota }),
  };
}
