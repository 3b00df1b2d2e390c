import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { TestPki } from '../../../helpers/pki/pki.js';
import { createManagerPki } from '../../../helpers/managers/test-manager.js';
import {
  errorMessage as message,
  gatewayScene,
  type GatewayScene,
} from '../../../helpers/managers/gateway-scene.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

const scene = (t: ExecutionContext): Promise<GatewayScene> => gatewayScene(t, pki);

interface NetworkRecord {
  readonly Id: string;
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string }[] };
}

/** Names of the cluster's networks, sorted. */
async function networkNames({ api }: GatewayScene): Promise<readonly string[]> {
  const filters = encodeURIComponent(JSON.stringify({ type: ['custom'] }));
  const listed = (await api.json(`/networks?filters=${filters}`)) as readonly {
    readonly Name: string;
  }[];
  return listed.map(({ Name }) => Name).sort();
}

test('a network is created with its subnet, found, and removed once', async (t) => {
  const it = await scene(t);
  const { api } = it;
  const made = await api.request('POST', '/networks/create', { Name: 'front', Driver: 'bridge' });
  t.is(made.status, 201);
  const { Id } = JSON.parse(made.body) as NetworkRecord;
  const found = (await api.json(`/networks/${Id}`)) as NetworkRecord;
  t.is(found.IPAM.Config.length, 1, 'the subnet is known at once');
  const again = await api.request('POST', '/networks/create', { Name: 'front' });
  t.is(again.status, 409);
  t.is(message(again.body), 'network with name front already exists');
  const Subnet = found.IPAM.Config[0]?.Subnet ?? '';
  const overlap = await api.request('POST', '/networks/create', {
    ...{ Name: 'back', IPAM: { Config: [{ Subnet }] } },
  });
  t.is(overlap.status, 403);
  t.regex(message(overlap.body), /Pool overlaps with other one on this address space/u);
  t.is((await api.request('DELETE', `/networks/${Id}`)).status, 204);
  t.deepEqual(await networkNames(it), []);
  const gone = await api.request('DELETE', '/networks/front');
  t.is(gone.status, 404);
  t.is(message(gone.body), 'network front not found');
  t.is((await api.request('DELETE', '/networks/bridge')).status, 403);
});

test('prune removes the unused networks that the filters select', async (t) => {
  const it = await scene(t);
  const { api } = it;
  for (const [Name, tier] of [
    ['front', 'web'],
    ['back', 'db'],
  ]) {
    await api.request('POST', '/networks/create', { Name, Labels: { tier } });
  }
  const prune = async (filters: object): Promise<unknown> => {
    const query = encodeURIComponent(JSON.stringify(filters));
    return JSON.parse((await api.request('POST', `/networks/prune?filters=${query}`)).body);
  };
  t.deepEqual(await prune({ until: ['1h'] }), { NetworksDeleted: null });
  t.deepEqual(await prune({ 'label!': ['tier=web'] }), { NetworksDeleted: ['back'] });
  t.deepEqual(await networkNames(it), ['front']);
  t.deepEqual(await prune({}), { NetworksDeleted: ['front'] });
});
