import { aNetwork, aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import { ClusterState } from '../../../cli/dashboard/view-model/state/cluster-state.js';
import type { RenderContext } from '../../../cli/dashboard/view-model/state/view.js';
import { asciiGlyphs, unicodeGlyphs } from '../../../cli/dashboard/view-model/paint/glyphs.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { StatsMessage } from '../../../manager/common/protocol/statistics.js';

/** The time on every simulated screen. */
export const worldNow = 1_700_000_000_000;

export interface WorldSize {
  readonly nodes: number;
  readonly services: number;
  readonly replicas: number;
}

/** Objects of a cluster in which every task runs, spread evenly over the nodes. */
export function simulatedObjects({ nodes, services, replicas }: WorldSize): {
  readonly nodes: readonly Node[];
  readonly services: readonly Service[];
  readonly tasks: readonly Task[];
} {
  const times = { createdAt: worldNow - 600_000, updatedAt: worldNow - 60_000 };
  const allNodes = Array.from({ length: nodes }, (_, at) => ({
    ...aNode(`n${at + 1}`, {
      name: `node-${at + 1}`,
      address: `192.0.2.${(at % 250) + 1}`,
      since: worldNow - 3_600_000,
    }),
    ...times,
  }));
  const allServices = Array.from({ length: services }, (_, at) => {
    const project = `shop${Math.floor(at / 10) + 1}`;
    const task = { container: { image: `registry.example/web:${at % 7}` } };
    const made = aService(`web${at + 1}`, { project, replicas, task });
    return { ...made, id: `s${at}` as Service['id'], ...times };
  });
  const tasks = allServices.flatMap((service, at) =>
    Array.from({ length: replicas }, (_, slot) =>
      aTask(service, slot + 1, {
        id: `t${at}-${slot + 1}`,
        node: `n${((at * replicas + slot) % nodes) + 1}`,
        ...times,
        status: { startedAt: worldNow - 500_000, containerId: `c${at}-${slot}` },
      }),
    ),
  );
  return { nodes: allNodes, services: allServices, tasks };
}

/** A stats snapshot with a sample for every task and node; `second` varies the figures. */
export function simulatedStats(
  tasks: readonly Task[],
  nodes: readonly Node[],
  second: number,
): StatsMessage {
  return {
    kind: 'snapshot',
    at: worldNow,
    tasks: tasks.map(({ id }, at) => ({
      taskId: id,
      cpuPercent: ((at * 7 + second * 13) % 500) / 10,
      cpuSeconds: second,
      memoryBytes: (at % 100) * 1_048_576 + 4096,
      memoryLimitBytes: 8 * 2 ** 30,
      rxBytes: at * 1000,
      txBytes: at * 100,
      rxPerSecond: 10,
      txPerSecond: 1,
      readBytes: 0,
      writeBytes: 4096,
      readPerSecond: 0,
      writePerSecond: 0,
      pids: 3,
    })),
    goneTasks: [],
    nodes: nodes.map(({ id }, at) => ({
      nodeId: id,
      cpuPercent: (at * 3 + second) % 100,
      memoryUsedBytes: 3 * 2 ** 30,
      memoryBytes: 8 * 2 ** 30,
      load1: 0.5,
      diskUsedBytes: 10 * 2 ** 30,
      diskBytes: 100 * 2 ** 30,
    })),
    goneNodes: [],
  };
}

export function simulatedWorld(size: WorldSize): ClusterState {
  const world = new ClusterState('test');
  const objects = simulatedObjects(size);
  const networks = [aNetwork('shop1_default', { vni: 4096, subnet: '10.128.0.0/24' })];
  world.applyWatch({ kind: 'snapshot', ...objects, networks, volumes: [aVolume('data', ['n1'])] });
  world.setConnection({ state: 'live', since: worldNow - 60_000, message: '' });
  for (let second = 0; second < 10; second += 1) {
    world.applyStats(simulatedStats(objects.tasks, objects.nodes, second), worldNow);
  }
  world.managerVersion = '0.1.0';
  return world;
}

export function lookAt(
  world: ClusterState,
  options: { ascii?: boolean; now?: number } = {},
): RenderContext {
  return {
    world,
    now: options.now ?? worldNow,
    glyphs: options.ascii === true ? asciiGlyphs : unicodeGlyphs,
    commands: [
      { name: 'scale', summary: 'Scale services' },
      { name: 'ps', summary: 'List containers' },
      { name: 'volume', summary: 'Manage volumes' },
      { name: 'dashboard', summary: 'This' },
    ],
  };
}
