import type { NodeCounters, StatsMessage } from '../common/protocol/statistics.js';
import type { StoreView } from '../store/store.js';
import type { Metric } from './metric.js';
import { counter, gauge } from './metric.js';
import type { StoreFigures } from './store-meter.js';

/** What the manager's rooms have done since it leads. */
export interface RoomFigures {
  readonly scheduler: {
    readonly decisions: number;
    readonly seconds: number;
    readonly longestSeconds: number;
    readonly placed: number;
    readonly postponed: number;
    readonly pending: number;
  };
  readonly store: StoreFigures;
}

export function roomMetrics({ scheduler, store }: RoomFigures, view: StoreView): readonly Metric[] {
  const { decisions, seconds, longestSeconds, placed, postponed, pending } = scheduler;
  return [
    counter('scheduler_decisions_total', 'Turns in which tasks were placed.', [[{}, decisions]]),
    counter('scheduler_decision_seconds_total', 'Time spent deciding.', [[{}, seconds]]),
    gauge('scheduler_decision_longest_seconds', 'The longest of them.', [[{}, longestSeconds]]),
    counter('scheduler_placements_total', 'Tasks by what was decided.', [
      [{ decision: 'placed' }, placed],
      [{ decision: 'postponed' }, postponed],
    ]),
    gauge('scheduler_pending_tasks', 'Tasks that wait for a place.', [[{}, pending]]),
    gauge('store_revision', 'Commits since the store was made.', [[{}, view.index]]),
    counter(
      'store_commits_total',
      'Commits since this manager leads, by who wrote.',
      [...store.commits].map(([actor, count]) => [{ actor }, count]),
    ),
    counter('store_changes_total', 'Objects written since this manager leads.', [
      [{}, store.changes],
    ]),
    ...(store.bytes === undefined
      ? []
      : [gauge('store_bytes', 'Size of the store on disk.', [[{}, store.bytes]])]),
  ];
}

/** Name servers and networks of the nodes that are heard. */
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
      'Questions to the name server.',
      samples(({ dns }) => dns.queries),
    ),
    counter(
      'dns_answers_total',
      'Answered from what the cluster knows.',
      samples(({ dns }) => dns.answers),
    ),
    counter(
      'dns_forwarded_total',
      "Sent on to the host's resolvers.",
      samples(({ dns }) => dns.forwarded),
    ),
    counter(
      'dns_failures_total',
      'Answered with a server failure.',
      samples(({ dns }) => dns.failures),
    ),
    gauge(
      'network_overlays',
      'Overlay networks in place.',
      samples(({ network }) => network.networks),
    ),
    gauge(
      'network_endpoints',
      'Endpoints a node knows the way to.',
      samples(({ network }) => network.endpoints),
    ),
    counter(
      'network_changes_total',
      'Changes that the cluster asked for.',
      samples(({ network }) => network.changes),
    ),
    counter(
      'network_repairs_total',
      'Changes that put back what was altered or lost.',
      samples(({ network }) => network.repairs),
    ),
    counter(
      'network_failures_total',
      'Changes that failed and were tried again.',
      samples(({ network }) => network.failures),
    ),
  ];
}
