import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createManagerPki } from '../../../helpers/managers/test-manager.js';
import { aServiceSpec } from '../../../../fixtures/cluster/build.js';
import {
  applyServices,
  gatewayScene,
  type GatewayScene,
} from '../../../helpers/managers/gateway-scene.js';
import { until } from '../../../helpers/until.js';
import type { TestPki } from '../../../helpers/pki/pki.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

const scene = (t: ExecutionContext): Promise<GatewayScene> => gatewayScene(t, pki);

interface Listed {
  readonly ID: string;
  readonly Spec: { readonly Name: string; readonly Labels: Readonly<Record<string, string>> };
  readonly ServiceStatus?: object;
}

test('services of a project are listed as services of a stack', async (t) => {
  const { api } = await scene(t);
  const services = (await api.json('/v1.41/services?status=true')) as Listed[];
  t.deepEqual(services.map(({ Spec }) => Spec.Name).sort(), ['demo_redis', 'demo_web']);
  const web = services.find(({ Spec }) => Spec.Name === 'demo_web');
  t.deepEqual(web?.Spec.Labels, { 'com.docker.stack.namespace': 'demo' });
  t.deepEqual(web?.ServiceStatus, { RunningTasks: 2, DesiredTasks: 2, CompletedTasks: 0 });
  const filters = JSON.stringify({ label: { 'com.docker.stack.namespace=other': true } });
  t.deepEqual(await api.json(`/services?filters=${encodeURIComponent(filters)}`), []);
});

test('a service is found by name, id and prefix of its id', async (t) => {
  const { api } = await scene(t);
  const shown = (await api.json('/services/demo_web?insertDefaults=true')) as Listed;
  t.like(shown, { Spec: { Mode: { Replicated: { Replicas: 2 } } } });
  for (const reference of [shown.ID, shown.ID.slice(0, 12)]) {
    t.like(await api.json(`/services/${reference}`), { ID: shown.ID });
  }
});

test('shoal up and docker stack deploy change the same service', async (t) => {
  const { api, manager } = await scene(t);
  const Labels = { 'com.docker.stack.namespace': 'demo' };
  const TaskTemplate = { ContainerSpec: { Image: 'busybox' } };
  const made = await api.request('POST', '/services/create', {
    Name: 'demo_api',
    Labels,
    TaskTemplate,
  });
  const { ID } = JSON.parse(made.body) as Listed;
  await applyServices(manager, [aServiceSpec('api', { replicas: 2, task: { nanoCpus: 1e9 } })]);
  const replicas = (count: number): object => ({ Mode: { Replicated: { Replicas: count } } });
  t.like(await api.json('/services/demo_api'), { ID, Spec: { Labels, ...replicas(2) } });
  // The orchestrator writes the progress of the first update, so a version may be stale.
  await until('the update is made from the latest version', 30_000, async () => {
    const { Spec, Version } = (await api.json('/services/demo_api')) as Listed & {
      readonly Version: { readonly Index: number };
    };
    const path = `/services/${ID}/update?version=${String(Version.Index)}`;
    return (await api.request('POST', path, { ...Spec, ...replicas(1) })).status === 200;
  });
  const [service] = (await manager.call('service.list', { project: 'demo' })).filter(
    ({ spec }) => spec.service === 'api',
  );
  t.like(service?.spec, {
    ...{ mode: { kind: 'replicated', replicas: 1 }, endpointMode: 'dnsrr' },
    task: { resources: { reservations: { nanoCpus: 1e9 } } },
  });
});

test('tasks of a service are listed with their slots and nodes', async (t) => {
  const { api } = await scene(t);
  const filters = JSON.stringify({ service: ['demo_web'], '_up-to-date': ['true'] });
  const tasks = (await api.json(`/tasks?filters=${encodeURIComponent(filters)}`)) as {
    readonly ID: string;
    readonly Slot: number;
    readonly NodeID: string;
    readonly Status: { readonly State: string };
  }[];
  t.deepEqual(tasks.map(({ Slot }) => Slot).sort(), [1, 2]);
  const [service] = (await api.json('/services?filters={"name":["demo_web"]}')) as Listed[];
  const twice = JSON.stringify({ service: ['demo_web', service?.ID ?? ''] });
  const again = (await api.json(`/tasks?filters=${encodeURIComponent(twice)}`)) as object[];
  t.is(again.length, 2);
  t.true(tasks.every(({ Status }) => Status.State === 'running'));
  const [first] = tasks;
  t.like(await api.json(`/tasks/${first?.ID ?? ''}`), {
    NodeID: first?.NodeID,
    DesiredState: 'running',
  });
  const node = (await api.json(`/nodes/${first?.NodeID ?? ''}`)) as { Spec: { Name: string } };
  t.regex(node.Spec.Name, /^w[12]$/u);
});
