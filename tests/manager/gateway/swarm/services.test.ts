import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { DockerApi } from '../../../helpers/managers/docker-api.js';
import {
  errorMessage as message,
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

interface ServiceObject {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: Readonly<Record<string, unknown>> & {
    readonly TaskTemplate: { readonly ContainerSpec: object; readonly ForceUpdate: number };
  };
  readonly UpdateStatus?: { readonly State: string };
}

const service = async (api: DockerApi, name: string): Promise<ServiceObject> =>
  (await api.json(`/services/${name}`)) as ServiceObject;

async function create(api: DockerApi, body: object): Promise<string> {
  const answer = await api.request('POST', '/services/create', {
    TaskTemplate: { ContainerSpec: { Image: 'busybox' } },
    ...body,
  });
  if (answer.status !== 201) throw new Error(message(answer.body));
  return (JSON.parse(answer.body) as { ID: string }).ID;
}

const updatePath = ({ ID, Version }: ServiceObject, more = ''): string =>
  `/services/${ID}/update?version=${String(Version.Index)}${more}`;

test('a created service runs, is scaled, rolled back and removed', async (t) => {
  const { api } = await scene(t);
  const id = await create(api, { Name: 'api', Mode: { Replicated: { Replicas: 2 } } });
  const filters = encodeURIComponent(JSON.stringify({ name: ['api'] }));
  const running = async (): Promise<number> => {
    const [listed] = (await api.json(`/services?status=true&filters=${filters}`)) as {
      ServiceStatus: { RunningTasks: number };
    }[];
    return listed?.ServiceStatus.RunningTasks ?? 0;
  };
  await until('both run', 60_000, async () => (await running()) === 2);
  const before = await service(api, 'api');
  t.is(before.ID, id);
  const { TaskTemplate } = before.Spec;
  const changed = {
    ...before.Spec,
    TaskTemplate: {
      ...TaskTemplate,
      ContainerSpec: { ...TaskTemplate.ContainerSpec, Env: ['A=1'] },
    },
    Mode: { Replicated: { Replicas: 1 } },
  };
  t.is((await api.request('POST', updatePath(before), changed)).status, 200);
  const stale = await api.request('POST', updatePath(before), changed);
  t.regex(message(stale.body), /update out of sequence/u);
  const after = await service(api, 'api');
  t.like(after, {
    Spec: { Mode: { Replicated: { Replicas: 1 } } },
    PreviousSpec: { TaskTemplate: { ContainerSpec: { Image: 'busybox' } } },
  });
  await until('the update is over', 60_000, async () => (await running()) === 1);
  const now = await service(api, 'api');
  const back = await api.request('POST', updatePath(now, '&rollback=previous'), now.Spec);
  t.is(back.status, 200);
  t.false('Env' in (await service(api, 'api')).Spec.TaskTemplate.ContainerSpec);
  t.is((await api.request('DELETE', '/services/api')).status, 200);
  t.is((await api.request('GET', '/services/api')).status, 404);
});

test('an unchanged update keeps the tasks; ForceUpdate replaces them', async (t) => {
  const { api } = await scene(t);
  const hashes = async (): Promise<string[]> => {
    const filters = encodeURIComponent(
      JSON.stringify({ service: ['demo_web'], '_up-to-date': ['true'] }),
    );
    return ((await api.json(`/tasks?filters=${filters}`)) as { ID: string }[]).map(({ ID }) => ID);
  };
  const ids = await hashes();
  const before = await service(api, 'demo_web');
  t.is((await api.request('POST', updatePath(before), before.Spec)).status, 200);
  t.deepEqual(await hashes(), ids);
  const now = await service(api, 'demo_web');
  const forced = {
    ...now.Spec,
    TaskTemplate: { ...now.Spec.TaskTemplate, ForceUpdate: now.Spec.TaskTemplate.ForceUpdate + 1 },
  };
  t.is((await api.request('POST', updatePath(now), forced)).status, 200);
  t.deepEqual(
    (await hashes()).filter((id) => ids.includes(id)),
    [],
  );
});

test('names in use, taken ports, renames and mode changes are refused', async (t) => {
  const { api } = await scene(t);
  const ports = { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080 }] } };
  await create(api, { Name: 'one', ...ports });
  await t.throwsAsync(create(api, { Name: 'one' }), {
    message: /name conflicts with an existing object: service one already exists/u,
  });
  await t.throwsAsync(create(api, { Name: 'two', ...ports }), {
    message: /port '8080' is already in use by service 'one' \(\w+\) as an ingress port/u,
  });
  const one = await service(api, 'one');
  const renamed = await api.request('POST', updatePath(one), { ...one.Spec, Name: 'other' });
  t.regex(message(renamed.body), /renaming services is not supported/u);
  const global = await api.request('POST', updatePath(one), { ...one.Spec, Mode: { Global: {} } });
  t.regex(message(global.body), /service mode change is not allowed/u);
  const noVersion = await api.request('POST', `/services/${one.ID}/update`, one.Spec);
  t.is(noVersion.status, 400);
  const missing = { Secrets: [{ SecretName: 'nosuch', SecretID: 'x', File: { Name: 'x' } }] };
  const TaskTemplate = { ContainerSpec: { Image: 'busybox', ...missing } };
  await t.throwsAsync(create(api, { Name: 'three', TaskTemplate }), {
    message: /secret not found/u,
  });
});

test('a secret in use stays; its labels change, its content does not', async (t) => {
  const { api } = await scene(t);
  const Labels = { 'com.docker.stack.namespace': 'shop', a: 'b' };
  const Data = Buffer.from('x').toString('base64');
  const made = await api.request('POST', '/secrets/create', { Name: 'shop_key', Labels, Data });
  t.is(made.status, 201);
  const again = await api.request('POST', '/secrets/create', { Name: 'shop_key', Data });
  t.is(again.status, 409);
  const secret = (await api.json('/secrets/shop_key')) as ServiceObject;
  t.deepEqual(secret.Spec, {
    Name: 'shop_key',
    Labels: { a: 'b', 'com.docker.stack.namespace': 'shop' },
  });
  const path = `/secrets/${secret.ID}/update?version=${String(secret.Version.Index)}`;
  const other = Buffer.from('y').toString('base64');
  t.is((await api.request('POST', path, { ...secret.Spec, Data: other })).status, 400);
  t.is((await api.request('POST', path, { ...secret.Spec, Labels: { c: 'd' } })).status, 200);
  t.like(await api.json('/secrets/shop_key'), { Spec: { Labels: { c: 'd' } } });
  const Secrets = [{ SecretName: 'shop_key', SecretID: secret.ID, File: { Name: 'key' } }];
  await create(api, {
    Name: 'user',
    TaskTemplate: { ContainerSpec: { Image: 'busybox', Secrets } },
  });
  const used = await api.request('DELETE', '/secrets/shop_key');
  t.regex(message(used.body), /in use by the following service: user/u);
  t.is((await api.request('DELETE', '/services/user')).status, 200);
  t.is((await api.request('DELETE', '/secrets/shop_key')).status, 204);
});
