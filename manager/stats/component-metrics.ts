import type { NodeCounters, StatsMessage } from '../common/protocol/statistics.js';
import type { StoreView } from '../store/store.js';
import type { Metric } from './metric.js';
import { counter, gauge } from './metric.js';
import type { StoreCounters } from './store-meter.js';

/** Counters of the manager's components since it became leader. */
export interface ComponentCounters {
  readonly scheduler: {
    readonly decisions: number;
    readonly seconds: number;
    readonly longestSeconds: number;
    readonly placed: number;
    readonly postponed: number;
    readonly pending: number;
  };
  readonly store: StoreCounters;
}

export function componentMetrics(
  { scheduler, store }: ComponentCounters,
  view: StoreView,
): readonly Metric[] {
  const { decisions, seconds, longestSeconds, placed, postponed, pending } = scheduler;
  return [
    counter('scheduler_decisions_total', 'Scheduling passes.', [[{}, decisions]]),
    counter('scheduler_decision_seconds_total', 'Time spent in scheduling passes.', [
      [{}, seconds],
    ]),
    gauge('scheduler_decision_longest_seconds', 'Duration of the longest scheduling pass.', [
      [{}, longestSeconds],
    ]),
    counter('scheduler_placements_total', 'Scheduled tasks by decision.', [
      [{ decision: 'placed' }, placed],
      [{ decision: 'postponed' }, postponed],
    ]),
    gauge('scheduler_pending_tasks', 'Tasks waiting to be placed.', [[{}, pending]]),
    gauge('store_revision', 'Commits since the store was created.', [[{}, view.index]]),
    counter(
      'store_commits_total',
      'Commits by component since this manager became leader.',
      [...store.commits].map(([actor, count]) => [{ actor }, count]),
    ),
    counter('store_changes_total', 'Objects written since this manager became leader.', [
      [{}, store.changes],
    ]),
    ...(store.bytes === undefined
      ? []
      : [gauge('store_bytes', 'Size of the store on disk.', [[{}, store.bytes]])]),
  ];
}

/** DNS and network metrics of the nodes that report statistics. */
export function workerMetrics(view: StoreView, stats: StatsMessage): readonly Metric[] {
  const nodes = stats.nodes.flatMap(({ nodeId, counters }) =>
    counters === undefined
      ? []
      : [{ node: view.get('nodes', nodeId)?.spec.name ?? nodeId, counters }],
  );
  const samples = (value: (counters: NodeCounters) => number): Metric['samples'] =>
    nodes.map(({ node, counters }) => [{ node }, value(counters)]);
  return [
    counter(
      'dns_queries_total',
      'DNS queries received.',
      samples(({ dns }) => dns.queries),
    ),
    counter(
      'dns_answers_total',
      'DNS queries answered from cluster records.',
      samples(({ dns }) => dns.answers),
    ),
    counter(
      'dns_forwarded_total',
      "DNS queries forwarded to the host's resolvers.",
      samples(({ dns }) => dns.forwarded),
    ),
    counter(
      'dns_failures_total',
      'DNS queries answered with SERVFAIL.',
      samples(({ dns }) => dns.failures),
    ),
    gauge(
      'network_overlays',
      'Configured overlay networks.',
      samples(({ network }) => network.networks),
    ),
    gauge(
      'network_endpoints',
      'Remote endpoints with forwarding entries.',
      samples(({ network }) => network.endpoints),
    ),
    counter(
      'network_changes_total',
      'Network changes requested by the manager.',
      samples(({ network }) => network.changes),
    ),
    counter(
      'network_repairs_total',
      'Network changes that repaired drift from the desired state.',
      samples(({ network }) => network.repairs),
    ),
    counter(
      'network_failures_total',
      'Network changes that failed and were retried.',
      samples(({ network }) => network.failures),
    ),
  ];
}
