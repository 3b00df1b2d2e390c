import test from 'ava';
import type { ServiceSnapshotOptions } from '../../helpers/decisions/service-snapshot.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { describeTaskChanges } from '../../helpers/decisions/describe-task-changes.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';

function plan(service: Service, tasks: readonly Task[], options?: ServiceSnapshotOptions): string {
  return describeTaskChanges(reconcile(aServiceSnapshot(service, tasks, options)));
}

test('a network follower is replaced when its leader moves or restarts', (t) => {
  const owner = aService('vpn');
  const service = aService('app', {
    task: { container: { networkMode: { kind: 'service', service: 'vpn' } } },
  });
  const app = aTask(service, 1, { node: 'node-1', status: { startedAt: 20 } });
  const at = (node: string, startedAt: number): ServiceSnapshotOptions => ({
    owners: [aTask(owner, 1, { node, status: { startedAt } })],
  });
  t.is(plan(service, [app], at('node-1', 10)), '');
  t.is(
    plan(service, [app], at('node-2', 10)),
    'slot 1: app.1 to shutdown: vpn.1, whose network it shares, is on node-2',
  );
  t.is(
    plan(service, [app], at('node-1', 30)),
    'slot 1: app.1 to shutdown: vpn.1, whose network it shares, was restarted',
  );
});

test('a volume follower is replaced when its leader is recreated, not when it restarts', (t) => {
  const leader = aService('data');
  const service = aService('app', {
    task: { container: { volumesFrom: [{ service: 'data', readOnly: false }] } },
  });
  const app = aTask(service, 1, { node: 'node-1', createdAt: 10, status: { startedAt: 20 } });
  const of = (options: Parameters<typeof aTask>[2]): ServiceSnapshotOptions => ({
    owners: [aTask(leader, 1, { node: 'node-1', ...options })],
  });
  t.is(plan(service, [app], of({ createdAt: 5, status: { startedAt: 30 } })), '');
  t.is(plan(service, [app], of({ createdAt: 15, adopts: 'data.0' })), '');
  t.is(
    plan(service, [app], of({ createdAt: 15 })),
    'slot 1: app.1 to shutdown: data.1, whose volumes it shares, was recreated',
  );
});

test('a follower that failed with its leader is recreated once the leader runs again', (t) => {
  const leader = aService('web');
  const service = aService('side', {
    task: { container: { pidService: 'web' } },
  });
  const ended = (state: 'failed' | 'complete') =>
    aTask(service, 1, {
      node: 'node-1',
      createdAt: 10,
      state,
      status: { state, exitCode: state === 'failed' ? 137 : 0, startedAt: 20 },
    });
  const of = (options: Parameters<typeof aTask>[2]): ServiceSnapshotOptions => ({
    owners: [aTask(leader, 1, { node: 'node-1', ...options })],
  });
  const started = of({ createdAt: 5, status: { startedAt: 30 } });
  t.regex(plan(service, [ended('failed')], started), /whose processes it shares, was restarted/);
  t.is(plan(service, [ended('complete')], started), '');
  t.is(plan(service, [ended('failed')], of({ createdAt: 5, status: { startedAt: 15 } })), '');
  t.is(plan(service, [ended('failed')], of({ createdAt: 5, state: 'failed' })), '');
  t.regex(plan(service, [ended('complete')], of({ createdAt: 15 })), /was recreated/);
});
