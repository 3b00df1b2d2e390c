import type { NodeOptions, ServiceOptions } from '../../../fixtures/cluster/build.js';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { MountSpec } from '../../../manager/common/model/container.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { Decision } from '../../../manager/scheduler/decide.js';
import type { SchedulerInput } from '../../../manager/scheduler/input.js';
import type { SchedulerSnapshot } from './scheduler-input.js';
import { inputOf } from './scheduler-input.js';

export const gib = 2 ** 30;

export function snapshot(changes: Partial<SchedulerSnapshot>): SchedulerInput {
  const empty = { nodes: [], tasks: [], volumes: [], now: 0, strategy: 'spread', seed: 1 } as const;
  return inputOf({ ...empty, ...changes });
}

/** Nodes `node-1`, `node-2`, … */
export function nodes(count: number, options: NodeOptions = {}): SchedulerSnapshot['nodes'] {
  return Array.from({ length: count }, (_, at) => aNode(`node-${at + 1}`, options));
}

/** Pending tasks of slots 1 to `count`. */
export function pending(name: string, count: number, options: ServiceOptions = {}): Task[] {
  const service = aService(name, options);
  return Array.from({ length: count }, (_, at) => aTask(service, at + 1));
}

/** One line per decision: `web.1 node-2` or `web.2: reason`. */
export function print(decisions: readonly Decision[]): string {
  return decisions
    .map((decision) =>
      decision.kind === 'place'
        ? `${decision.taskId} ${decision.nodeName}`
        : `${decision.taskId}: ${decision.explanation.summary}`,
    )
    .join('\n');
}

export function mountOf(source: string): MountSpec {
  return { type: 'volume', source, target: '/data', readOnly: false, noCopy: false };
}
