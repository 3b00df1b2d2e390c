import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aServiceSpec } from '../../../../fixtures/cluster/build.js';
import { aStatus } from '../../../helpers/fakes/fake-worker.js';
import type { DockerApi } from '../../../helpers/managers/docker-api.js';
import {
  applyServices,
  gatewayScene,
  type GatewayScene,
} from '../../../helpers/managers/gateway-scene.js';
import { createManagerPki } from '../../../helpers/managers/test-manager.js';
import type { TestPki } from '../../../helpers/pki/pki.js';
import { until } from '../../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

const scene = (t: ExecutionContext): Promise<GatewayScene> => gatewayScene(t, pki);

test('events are replayed and followed until the requested time', async (t) => {
  const { api } = await scene(t);
  const filters = { event: ['start'] };
  let told: readonly ToldEvent[] = [];
  await until('the three containers are told', 60_000, async () => {
    told = await eventsOf(api, { since: '0', filters, forMs: 1_000 });
    return told.length >= 3;
  });
  t.deepEqual(told.map(({ Actor }) => Actor.Attributes['com.docker.compose.service']).sort(), [
    'redis',
    'web',
    'web',
  ]);
});

interface ToldEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

/** The events that a request of `forMs` milliseconds tells, with the text of each time. */
async function eventsOf(
  api: DockerApi,
  asked: { readonly since: string; readonly filters: object; readonly forMs?: number },
): Promise<readonly (ToldEvent & { readonly nanos: string })[]> {
  const { since, filters, forMs = 0 } = asked;
  const query = new URLSearchParams({
    ...{ since, filters: JSON.stringify(filters) },
    until: String((Date.now() + forMs) / 1000),
  });
  const { status, body } = await api.request('GET', `/events?${query.toString()}`);
  if (status !== 200) throw new Error(`GET /events: ${String(status)} ${body}`);
  return body
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({
      ...(JSON.parse(line) as ToldEvent),
      nanos: /"timeNano":(\d+)/u.exec(line)?.[1] ?? '',
    }));
}

test('events of removed containers have their labels, and a client resumes after the last', async (t) => {
  const { api, manager, workers } = await scene(t);
  const tasks = await manager.call('task.list', { service: 'web' });
  const { id } = tasks.find(({ slot }) => slot === 2) ?? { id: '' };
  const holder = workers.find(({ held }) => held.tasks.has(id));
  // Like an engine, the worker still reports the stopped container.
  if (holder !== undefined) holder.reportsAssigned = false;
  await applyServices(manager, [aServiceSpec('web', { replicas: 1 }), aServiceSpec('redis')]);
  await until('it is told', 60_000, () => holder?.held.tasks.get(id)?.desired === 'remove');
  holder?.report(id, aStatus('shutdown', { containerId: `c-${id}`, exitCode: 0 }));
  const filters = { label: ['com.docker.compose.service=web', 'io.shoal.slot=2'] };
  await until('the removal is told', 60_000, async () => {
    const told = await eventsOf(api, { since: '0', filters: { event: ['destroy'] } });
    return told.length === 1;
  });
  const told = await eventsOf(api, { since: '0', filters });
  const actions = told.map(({ Action }) => Action);
  t.true(actions.includes('start'));
  t.is(actions.at(-1), 'destroy');
  const [first] = told;
  const next = String(BigInt(first?.nanos ?? '0') + 1n).padStart(10, '0');
  const rest = await eventsOf(api, {
    since: `${next.slice(0, -9)}.${next.slice(-9)}`,
    filters,
  });
  t.deepEqual(rest, told.slice(1));
});
