import { tiesOf } from '../../manager/common/model/pod.js';
import type { Node } from '../../manager/common/model/node.js';
import type { Service } from '../../manager/common/model/service.js';
import type { Task } from '../../manager/common/model/task.js';
import type { Gate } from '../../manager/orchestrator/gate.js';
import type { ServiceScene } from '../../manager/orchestrator/scene.js';
import { aNode } from '../../fixtures/cluster/build.js';

export interface SceneOptions {
  readonly nodes?: readonly Node[];
  readonly now?: number;
  readonly gate?: Gate;
  readonly owners?: readonly Task[];
}

/** The orchestrator's input for one service, with three ready nodes by default. */
export function aScene(
  service: Service,
  tasks: readonly Task[],
  options: SceneOptions = {},
): ServiceScene {
  const nodes = options.nodes ?? ['node-1', 'node-2', 'node-3'].map((name) => aNode(name));
  return {
    service,
    tasks,
    nodes: new Map(nodes.map((node) => [node.id, node])),
    now: options.now ?? 0,
    gate: options.gate ?? { open: true },
    leaders: tiesOf(service.spec.task.container).map((tie) => ({
      tie,
      bySlot: new Map(options.owners?.map((task) => [task.slot, task])),
    })),
  };
}
