import type { Node } from '../common/model/node.js';
import type { Task } from '../common/model/task.js';
import { taskStates } from '../common/model/task-state.js';
import type { StatsMessage, TaskUsage } from '../common/protocol/statistics.js';
import type { StoreView } from '../store/store.js';
import { stateTables } from '../store/table-definitions.js';
import type { MetricLabels, Metric } from './metric.js';
import { gauge, metricLines } from './metric.js';
import type { ComponentCounters } from './component-metrics.js';
import { componentMetrics, workerMetrics } from './component-metrics.js';

/** Resource usage of the manager process. */
export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly startedAtSeconds: number;
}

export interface ManagerCounters {
  readonly process: ProcessUsage;
  readonly rooms: ComponentCounters;
}

/** The cluster record is one object always. */
const countedTables = stateTables.filter((table) => table !== 'cluster');

/**
 * Renders all metrics in the Prometheus text exposition format 0.0.4. Container metrics use
 * cAdvisor's names and labels, so its dashboards work; other metrics start with `shoal_`.
 */
export function metricsText(view: StoreView, stats: StatsMessage, own: ManagerCounters): string {
  const metrics = [
    ...containerMetrics(view, stats),
    ...nodeMetrics(view, stats),
    ...clusterMetrics(view),
    ...storeMetrics(view),
    ...workerMetrics(view, stats),
    ...componentMetrics(own.rooms, view),
    ...processMetrics(own.process),
  ];
  return metrics.map(metricLines).join('');
}

interface MeasuredTask {
  readonly labels: MetricLabels;
  readonly task: Task;
  readonly use: TaskUsage;
}

function containerMetrics(view: StoreView, stats: StatsMessage): readonly Metric[] {
  const measured = stats.tasks.flatMap((use): MeasuredTask[] => {
    const task = view.get('tasks', use.taskId);
    return task === undefined ? [] : [{ task, use, labels: containerLabels(view, task) }];
  });
  const metric = (
    name: string,
    type: Metric['type'],
    help: string,
    value: (item: MeasuredTask) => number,
  ): Metric => ({
    name: `container_${name}`,
    type,
    help,
    samples: measured.map((item) => [item.labels, value(item)]),
  });
  return [
    metric('cpu_usage_seconds_total', 'counter', 'CPU time used.', ({ use }) => use.cpuSeconds),
    metric(
      'memory_working_set_bytes',
      'gauge',
      'Memory without inactive page cache.',
      ({ use }) => use.memoryBytes,
    ),
    metric(
      'spec_memory_limit_bytes',
      'gauge',
      'Memory limit, 0 if unlimited.',
      ({ task }) => task.spec.resources.limits.memoryBytes ?? 0,
    ),
    metric('network_receive_bytes_total', 'counter', 'Bytes received.', ({ use }) => use.rxBytes),
    metric('network_transmit_bytes_total', 'counter', 'Bytes sent.', ({ use }) => use.txBytes),
    metric('fs_reads_bytes_total', 'counter', 'Bytes read.', ({ use }) => use.readBytes),
    metric('fs_writes_bytes_total', 'counter', 'Bytes written.', ({ use }) => use.writeBytes),
    metric('processes', 'gauge', 'Processes and threads.', ({ use }) => use.pids),
    metric(
      'start_time_seconds',
      'gauge',
      'Start time of the container, Unix time.',
      ({ task }) => (task.status.startedAt ?? 0) / 1000,
    ),
    metric(
      'last_seen',
      'gauge',
      'Time when the container was last seen, Unix time.',
      () => stats.at / 1000,
    ),
  ];
}

function containerLabels(view: StoreView, task: Task): MetricLabels {
  const node = task.nodeId === undefined ? undefined : view.get('nodes', task.nodeId);
  return {
    id: `/docker/${task.status.containerId ?? ''}`,
    name: task.containerName,
    image: task.spec.container.image,
    container_label_com_docker_compose_project: task.project,
    container_label_com_docker_compose_service: task.service,
    container_label_io_shoal_task: task.id,
    container_label_io_shoal_node: node?.spec.name ?? '',
  };
}

function nodeMetrics(view: StoreView, stats: StatsMessage): readonly Metric[] {
  const nodes = view.list('nodes');
  const nameOf = new Map<string, string>(nodes.map((node) => [node.id, node.spec.name]));
  const use = (
    name: string,
    help: string,
    value: (node: StatsMessage['nodes'][number]) => number,
  ): Metric => ({
    name: `shoal_node_${name}`,
    type: 'gauge',
    help,
    samples: stats.nodes.map((node) => [
      { node: nameOf.get(node.nodeId) ?? node.nodeId },
      value(node),
    ]),
  });
  const up = (node: Node): number => (node.status.state === 'ready' ? 1 : 0);
  return [
    {
      name: 'shoal_node_up',
      type: 'gauge',
      help: '1 if the node is ready, else 0.',
      samples: nodes.map((node) => [
        { node: node.spec.name, availability: node.spec.availability },
        up(node),
      ]),
    },
    use('cpu_ratio', 'CPU utilization, 1 is all CPUs.', ({ cpuPercent }) => cpuPercent / 100),
    use('memory_used_bytes', 'Memory in use.', ({ memoryUsedBytes }) => memoryUsedBytes),
    use('memory_bytes', 'Total memory.', ({ memoryBytes }) => memoryBytes),
    use('load1', 'Load average over 1 minute.', ({ load1 }) => load1),
    use(
      'disk_used_bytes',
      "Disk space used on the Docker Engine's file system.",
      ({ diskUsedBytes }) => diskUsedBytes,
    ),
    use('disk_bytes', "Size of the Docker Engine's file system.", ({ diskBytes }) => diskBytes),
  ];
}

function clusterMetrics(view: StoreView): readonly Metric[] {
  const tasks = view.list('tasks');
  const services = view.list('services');
  const running = countBy(tasks.filter(isRunning), ({ serviceId }) => serviceId);
  const states = countBy(tasks, ({ status }) => status.state);
  const unplaced = tasks.filter(
    (task) => task.explanation?.placed === false && task.status.state === 'pending',
  );
  const ofService = ({ spec }: (typeof services)[number]): MetricLabels => ({
    project: spec.project,
    service: spec.service,
  });
  return [
    gauge(
      'tasks',
      'Tasks by state.',
      taskStates.map((state) => [{ state }, states.get(state) ?? 0]),
    ),
    gauge('scheduler_unplaced_tasks', 'Pending tasks without a suitable node.', [
      [{}, unplaced.length],
    ]),
    gauge(
      'service_replicas_wanted',
      'Desired replicas.',
      services.flatMap((service): [MetricLabels, number][] =>
        service.spec.mode.kind === 'replicated'
          ? [[ofService(service), service.spec.halted ? 0 : service.spec.mode.replicas]]
          : [],
      ),
    ),
    gauge(
      'service_replicas_running',
      'Running tasks.',
      services.map((service) => [ofService(service), running.get(service.id) ?? 0]),
    ),
  ];
}

function storeMetrics(view: StoreView): readonly Metric[] {
  return [
    gauge(
      'network_addresses_leased',
      'Leased addresses, including gateways.',
      view
        .list('networks')
        .map((network) => [
          { network: network.spec.name },
          view.leasesOfNetwork(network.id).length,
        ]),
    ),
    gauge(
      'store_objects',
      'Objects by table.',
      countedTables.map((table) => [{ table }, view.count(table)]),
    ),
  ];
}

function isRunning(task: Task): boolean {
  return task.status.state === 'running';
}

function countBy<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

function processMetrics(own: ProcessUsage): readonly Metric[] {
  const processMetric = (
    name: string,
    type: Metric['type'],
    help: string,
    value: number,
  ): Metric => ({
    name: `process_${name}`,
    type,
    help,
    samples: [[{}, value]],
  });
  return [
    processMetric(
      'cpu_seconds_total',
      'counter',
      'CPU time of the manager process.',
      own.cpuSeconds,
    ),
    processMetric(
      'resident_memory_bytes',
      'gauge',
      'Resident memory of the manager process.',
      own.residentBytes,
    ),
    processMetric(
      'start_time_seconds',
      'gauge',
      'Start time of the manager process, Unix time.',
      own.startedAtSeconds,
    ),
  ];
}
