import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aNetwork, aServiceSpec } from '../../../fixtures/cluster/build.js';
import { isAppError, isForbidden } from '../../../manager/common/base/errors.js';
import type { ControlCallMap } from '../../../manager/common/protocol/control.js';
import { apiPaths } from '../../../manager/common/protocol/messages.js';
import { ControlApi } from '../../../manager/control/control.js';
import type { ClusterStore } from '../../../manager/store/store.js';
import type { Caller } from '../../../manager/transport/invoke-call.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { anApply } from '../../helpers/managers/project-apply.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const ada: Caller = {
  peer: { clusterId: 'c1', role: 'client', nodeId: 'ada' },
  signal: new AbortController().signal,
};
const worker: Caller = { ...ada, peer: { clusterId: 'c1', role: 'worker', nodeId: 'w1' } };

async function scene(t: ExecutionContext): Promise<{ api: ControlApi; store: ClusterStore }> {
  const store = await openTestStore();
  const unexpected = (): never => {
    throw new Error('not expected');
  };
  let ids = 0;
  const api = new ControlApi({
    store,
    clock: new ManualClock(),
    log: silentLogger,
    newId: () => `id${String((ids += 1))}`,
    workers: { call: unexpected, open: unexpected },
    readLogs: unexpected,
    statistics: { subscribe: unexpected, read: unexpected },
    managers: { list: unexpected, forget: unexpected },
    manager: {
      ...{ clusterId: 'c1', clusterName: 'test', version: '1.0.0', nodeId: 'm1' },
      ...{ leader: true, store: 'memory' },
    },
  });
  api.start();
  t.teardown(async () => {
    api.stop();
    await store.close();
  });
  return { api, store };
}

const project = anApply({ services: [aServiceSpec('web', { project: 'demo' })] });

async function auditOf(api: ControlApi): Promise<ControlCallMap['audit.list']['result']> {
  return await api.invoke('audit.list', {}, ada);
}

test('an invoked call changes the store and is audited under the caller’s name', async (t) => {
  const { api, store } = await scene(t);
  const { changes } = await api.invoke('project.apply', project, ada);
  t.deepEqual(
    changes.map(({ kind, name, action }) => `${kind} ${name} ${action}`),
    ['service web created'],
  );
  t.is(store.view.list('services').length, 1);
  const [entry] = await auditOf(api);
  t.like(entry, { who: 'ada', role: 'client', action: 'project.apply' });
});

test('an invoked call and one from the wire give the same answer', async (t) => {
  const { api } = await scene(t);
  const request = {
    path: `${apiPaths.call}info`,
    identity: ada.peer,
    body: {},
    signal: ada.signal,
  };
  t.deepEqual(await api.call(request), await api.invoke('info', {}, ada));
});

test('an invoked call of another role is forbidden, recorded and changes nothing', async (t) => {
  const { api, store } = await scene(t);
  for (const role of ['worker', 'manager'] as const) {
    const caller = { ...worker, peer: { ...worker.peer, role } };
    t.true(isForbidden(await t.throwsAsync(api.invoke('project.apply', project, caller))));
  }
  t.is(store.view.list('services').length, 0);
  t.like(await auditOf(api), [
    { who: 'w1', role: 'worker', action: 'project.apply', result: 'forbidden' },
    { who: 'w1', role: 'manager', action: 'project.apply', result: 'forbidden' },
  ]);
});

test('malformed arguments of an invoked call are rejected, not thrown, and audited as invalid', async (t) => {
  const { api, store } = await scene(t);
  const malformed = { ...project, services: [{ ...project.services[0], labels: 7 }] };
  const rejected: unknown = await t.throwsAsync(
    api.invoke('project.apply', malformed as unknown as typeof project, ada),
    { message: 'project.apply: services[0].labels must be an object' },
  );
  t.true(isAppError(rejected) && rejected.kind === 'invalid');
  t.is(store.view.list('services').length, 0);
  t.like(await auditOf(api), [{ who: 'ada', action: 'project.apply', result: 'invalid' }]);
});

test('an unknown call is unsupported for a client and forbidden for a worker', async (t) => {
  const { api } = await scene(t);
  const request = { path: `${apiPaths.call}cluster.fly`, body: {}, signal: ada.signal };
  await t.throwsAsync(api.call({ ...request, identity: ada.peer }), {
    message: 'call cluster.fly: not supported by this manager',
  });
  t.true(isForbidden(await t.throwsAsync(api.call({ ...request, identity: worker.peer }))));
});

test('an encrypted network is refused before anything is written', async (t) => {
  const { api, store } = await scene(t);
  const { spec } = aNetwork('back');
  const encrypted = { ...spec, driverOpts: { encrypted: 'true' } };
  const attempts = [
    api.invoke('network.create', { ...encrypted, project: '' }, ada),
    api.invoke('project.apply', { ...project, networks: [encrypted] }, ada),
  ];
  for (const attempt of attempts) {
    const error: unknown = await t.throwsAsync(attempt);
    t.true(isAppError(error) && error.kind === 'unsupported');
    t.regex((error as Error).message, /network \S+: encryption is not supported/u);
  }
  t.is(store.view.count('networks'), 0);
  t.is(store.view.count('services'), 0);
});
