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

test('a volume is created once, also twice, and removed', async (t) => {
  const { api } = await scene(t);
  const body = { Name: 'data', Labels: { tier: 'db' } };
  const made = await api.request('POST', '/volumes/create', body);
  t.is(made.status, 201);
  t.like(JSON.parse(made.body), { Name: 'data', Driver: 'local', Labels: { tier: 'db' } });
  t.is((await api.request('POST', '/volumes/create', body)).status, 201);
  const other = await api.request('POST', '/volumes/create', { Name: 'data', Driver: 'nfs' });
  t.is(other.status, 409);
  t.regex(message(other.body), /driver 'local' already has volume 'data'/u);
  t.is((await api.request('DELETE', '/volumes/data')).status, 204);
  const gone = await api.request('DELETE', '/volumes/data');
  t.is(gone.status, 404);
  t.is(message(gone.body), 'get data: no such volume');
  t.is((await api.request('DELETE', '/volumes/data?force=1')).status, 204);
});

test('prune leaves named volumes unless all are requested', async (t) => {
  const { api } = await scene(t);
  await api.request('POST', '/volumes/create', { Name: 'data' });
  const unnamed = await api.request('POST', '/volumes/create', {});
  const { Name } = JSON.parse(unnamed.body) as { Name: string };
  t.regex(Name, /^[0-9a-f]{64}$/u);
  const prune = async (path: string): Promise<unknown> =>
    JSON.parse((await api.request('POST', path)).body);
  t.deepEqual(await prune('/v1.42/volumes/prune'), {
    ...{ VolumesDeleted: [Name], SpaceReclaimed: 0 },
  });
  const all = encodeURIComponent(JSON.stringify({ all: { true: true } }));
  t.deepEqual(await prune(`/volumes/prune?filters=${all}`), {
    ...{ VolumesDeleted: ['data'], SpaceReclaimed: 0 },
  });
  const unknown = encodeURIComponent(JSON.stringify({ size: ['1'] }));
  t.is((await api.request('POST', `/volumes/prune?filters=${unknown}`)).status, 400);
});
