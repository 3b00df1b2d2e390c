import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createManagerPki } from '../../../helpers/managers/test-manager.js';
import {
  errorMessage as message,
  gatewayScene,
  type GatewayScene,
} from '../../../helpers/managers/gateway-scene.js';
import { taskHistoryLimit } from '../../../../manager/common/model/task.js';
import type { TestPki } from '../../../helpers/pki/pki.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

const scene = (t: ExecutionContext): Promise<GatewayScene> => gatewayScene(t, pki);

interface NodeObject {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: Readonly<Record<string, unknown>>;
}

test('an update sets labels and availability; one of another version is refused', async (t) => {
  const { api } = await scene(t);
  const node = (await api.json('/nodes/w1')) as NodeObject;
  const path = `/nodes/${node.ID}/update?version=${String(node.Version.Index)}`;
  const body = { ...node.Spec, Labels: { disk: 'ssd' }, Availability: 'pause' };
  t.is((await api.request('POST', path, body)).status, 200);
  t.like(await api.json('/nodes/w1'), { Spec: { Labels: { disk: 'ssd' }, Availability: 'pause' } });
  const stale = await api.request('POST', path, body);
  t.is(stale.status, 409);
  t.regex(message(stale.body), /update out of sequence/u);
});

test('a change of a role names the command that does it', async (t) => {
  const { api } = await scene(t);
  const node = (await api.json('/nodes/w1')) as NodeObject;
  const path = `/nodes/w1/update?version=${String(node.Version.Index)}`;
  const refused = await api.request('POST', path, { ...node.Spec, Role: 'manager' });
  t.is(refused.status, 501);
  t.regex(message(refused.body), /shoal manager promote w1/u);
});

test('nodes are filtered by name, role and label', async (t) => {
  const { api } = await scene(t);
  const names = async (filters: object): Promise<unknown[]> => {
    const text = encodeURIComponent(JSON.stringify(filters));
    const nodes = (await api.json(`/nodes?filters=${text}`)) as NodeObject[];
    return nodes.map(({ Spec }) => Spec.Name);
  };
  t.deepEqual(await names({ name: ['w2'] }), ['w2']);
  t.deepEqual(await names({ 'node.label': ['disk=ssd'] }), []);
  t.deepEqual((await names({ membership: ['accepted'] })).sort(), ['w1', 'w2']);
});

test('the cluster is an active swarm that cannot be joined or initialized again', async (t) => {
  const { api } = await scene(t);
  t.like(await api.json('/info'), {
    Swarm: { LocalNodeState: 'active', ControlAvailable: true, Nodes: 2 },
  });
  const swarm = (await api.json('/swarm')) as { Version: { Index: number }; Spec: object };
  t.like(swarm.Spec, { Orchestration: { TaskHistoryRetentionLimit: taskHistoryLimit } });
  const path = `/swarm/update?version=${String(swarm.Version.Index)}`;
  t.is((await api.request('POST', path, swarm.Spec)).status, 200);
  const changed = await api.request('POST', path, {
    Orchestration: { TaskHistoryRetentionLimit: 9 },
  });
  t.is(changed.status, 501);
  t.regex(message(changed.body), /^Orchestration: cannot be changed/u);
  const again = await api.request('POST', '/swarm/init', {});
  t.is(again.status, 503);
  t.regex(message(again.body), /already part of a swarm/u);
});
