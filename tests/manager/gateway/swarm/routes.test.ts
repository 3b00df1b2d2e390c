import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createManagerPki } from '../../../helpers/managers/test-manager.js';
import { gatewayScene, type GatewayScene } from '../../../helpers/managers/gateway-scene.js';
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
  t.true(tasks.every(({ Status }) => Status.State === 'running'));
  const [first] = tasks;
  t.like(await api.json(`/tasks/${first?.ID ?? ''}`), {
    NodeID: first?.NodeID,
    DesiredState: 'running',
  });
  const node = (await api.json(`/nodes/${first?.NodeID ?? ''}`)) as { Spec: { Name: string } };
  t.regex(node.Spec.Name, /^w[12]$/u);
});
