import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import type { NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type {
  StatsMessage,
  TaskUsage,
  WorkerStats,
} from '../../../manager/common/protocol/statistics.js';
import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';
import { StatsCollector } from '../../../manager/stats/collector.js';
import { LatestStats } from '../../../manager/stats/latest.js';
import { metricsText } from '../../../manager/stats/metrics.js';
import { messagePair } from '../../helpers/fakes/message-pair.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';
import { until } from '../../helpers/until.js';

function use(taskId: string, cpuPercent = 1): TaskUsage {
  return {
    taskId: taskId as TaskId,
    cpuPercent,
    cpuSeconds: 12.5,
    memoryBytes: 1_000,
    memoryLimitBytes: 2_000,
    rxBytes: 10,
    txBytes: 20,
    rxPerSecond: 0,
    txPerSecond: 0,
    readBytes: 0,
    writeBytes: 0,
    readPerSecond: 0,
    writePerSecond: 0,
    pids: 1,
  };
}

const machine = {
  cpuPercent: 50,
  memoryUsedBytes: 1,
  memoryBytes: 2,
  load1: 0.5,
  diskUsedBytes: 3,
  diskBytes: 4,
};

test('subscribers share one stream per node and all get its messages', async (t) => {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('n1'));
    tx.create('nodes', aNode('n2', { state: 'down' }));
  });
  const opened: { nodeId: string; far: MessageStream }[] = [];
  const workers = {
    open: (nodeId: NodeId) => {
      const [stream, far] = messagePair();
      opened.push({ nodeId, far });
      return Promise.resolve({ streamId: 's', stream });
    },
  };
  const gatherer = new StatsCollector({ store, clock: systemClock, log: silentLogger, workers });
  t.teardown(() => {
    gatherer.stop();
  });
  t.is(gatherer.openStreams, 0);
  const heard: StatsMessage[][] = [[], [], []];
  for (const messages of heard) gatherer.subscribe((message) => messages.push(message));
  const first = opened[0];
  t.deepEqual(
    opened.map(({ nodeId }) => nodeId),
    ['n1'],
  );
  const message: WorkerStats = { at: 1, tasks: [use('t1')], gone: [], machine };
  await first?.far.send(JSON.stringify(message));
  await until('all heard of the task', 5_000, () =>
    heard.every((messages) => messages.some(({ tasks }) => tasks[0]?.taskId === 't1')),
  );
  t.is(opened.length, 1);
  first?.far.close();
  await until('its end is told', 5_000, () =>
    heard.every((messages) => messages.some(({ goneTasks }) => goneTasks.length > 0)),
  );
});

test('a delta has the changes since the previous delta', (t) => {
  const latest = new LatestStats();
  latest.update('n1' as NodeId, { at: 1, tasks: [use('a'), use('b')], gone: [], machine });
  t.is(latest.delta(1).tasks.length, 2);
  latest.update('n1' as NodeId, { at: 2, tasks: [use('b', 7)], gone: ['a' as TaskId] });
  const delta = latest.delta(2);
  t.deepEqual(
    delta.tasks.map(({ taskId, cpuPercent }) => [taskId, cpuPercent]),
    [['b', 7]],
  );
  t.deepEqual(delta.goneTasks, ['a']);
  t.deepEqual(delta.nodes, []);
  t.is(latest.snapshot(3).tasks.length, 1);
});

test('the statistics of a moved task are not dropped with its former node', (t) => {
  const latest = new LatestStats();
  latest.update('n1' as NodeId, { at: 1, tasks: [use('a')], gone: [] });
  latest.update('n2' as NodeId, { at: 2, tasks: [use('a', 3)], gone: [] });
  latest.dropNode('n1' as NodeId);
  t.is(latest.snapshot(3).tasks[0]?.cpuPercent, 3);
});

test("metrics use cAdvisor's names and escape label values", async (t) => {
  const store = await openTestStore();
  const service = aService('web', { replicas: 2, project: 'demo' });
  const task = aTask(service, 1, {
    node: 'n1',
    containerName: 'demo-"web"\\1\n',
    status: { containerId: 'abc', startedAt: 5_000 },
  });
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('n1'));
    tx.create('services', service);
    tx.create('tasks', task);
  });
  const latest = new LatestStats();
  const counters = {
    dns: { queries: 10, answers: 8, forwarded: 2, failures: 1 },
    network: { networks: 1, endpoints: 5, changes: 6, repairs: 3, failures: 0 },
  };
  latest.update('n1' as NodeId, { at: 1, tasks: [use(task.id)], gone: [], machine, counters });
  const own = {
    process: { cpuSeconds: 1, residentBytes: 2, startedAtSeconds: 3 },
    rooms: {
      scheduler: {
        decisions: 4,
        seconds: 0.25,
        longestSeconds: 0.125,
        placed: 7,
        postponed: 1,
        pending: 2,
      },
      store: { commits: new Map([['scheduler', 4]]), changes: 9, bytes: 4_096 },
    },
  };
  const lines = metricsText(store.view, latest.snapshot(9_000), own).split('\n');
  const cpu = lines.find((line) => line.startsWith('container_cpu_usage_seconds_total{'));
  t.true(cpu?.includes('name="demo-\\"web\\"\\\\1\\n"'));
  t.true(cpu?.includes('container_label_com_docker_compose_service="web"'));
  t.true(cpu?.endsWith(' 12.5'));
  t.true(lines.includes('shoal_node_up{node="n1",availability="active"} 1'));
  t.true(lines.includes('shoal_node_cpu_ratio{node="n1"} 0.5'));
  t.true(lines.includes('shoal_tasks{state="running"} 1'));
  t.true(lines.includes('shoal_service_replicas_wanted{project="demo",service="web"} 2'));
  t.true(lines.includes('shoal_service_replicas_running{project="demo",service="web"} 1'));
  t.true(lines.includes('shoal_scheduler_decision_seconds_total 0.25'));
  t.true(lines.includes('shoal_scheduler_pending_tasks 2'));
  t.true(lines.includes('shoal_store_commits_total{actor="scheduler"} 4'));
  t.true(lines.includes('shoal_store_bytes 4096'));
  t.true(lines.includes('shoal_dns_queries_total{node="n1"} 10'));
  t.true(lines.includes('shoal_network_repairs_total{node="n1"} 3'));
  for (const line of lines.filter((text) => text !== '' && !text.startsWith('#'))) {
    t.regex(line, /^[a-z_:0-9]+(\{.*\})? [0-9.e+-]+$/);
  }
});

test('a malformed message ends the stream of its node and is logged with the node', async (t) => {
  const store = await openTestStore();
  await store.update('restore', (tx) => tx.create('nodes', aNode('n1')));
  const [stream, far] = messagePair();
  const workers = { open: () => Promise.resolve({ streamId: 's', stream }) };
  const logged: unknown[] = [];
  const log = {
    ...silentLogger,
    debug: (_message: string, fields: unknown) => logged.push(fields),
  };
  const collector = new StatsCollector({ store, clock: systemClock, log, workers });
  t.teardown(() => {
    collector.stop();
  });
  collector.subscribe(() => undefined);
  await far.send('{"at":1,"tasks":[{"taskId":7}],"gone":[]}');
  await until('the log line', 5_000, () => logged.length > 0);
  t.deepEqual(logged[0], {
    nodeId: 'n1',
    error: 'statistics of node n1: tasks[0].taskId must be a non-empty string',
  });
});
