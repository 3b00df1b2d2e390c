import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import type { DockerApi } from '../../helpers/managers/docker-api.js';
import { applyServices, gatewayScene } from '../../helpers/managers/gateway-scene.js';
import { createManagerPki } from '../../helpers/managers/test-manager.js';
import type { TestPki } from '../../helpers/pki/pki.js';

/*
 * The polling patterns of programs that discover services of a swarm: the requests that they send,
 * and the fields of the answers that they read.
 */

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

async function cluster(t: ExecutionContext): Promise<DockerApi> {
  const { api, manager } = await gatewayScene(t, pki);
  const labels = { 'traefik.http.routers.web.rule': 'Host(`web`)' };
  const ports = [{ target: 80, published: 8080, protocol: 'tcp', mode: 'host' }] as const;
  await applyServices(manager, [
    aServiceSpec('web', { replicas: 2, labels, task: { ports } }),
    aServiceSpec('redis'),
  ]);
  return api;
}

type Item = Readonly<Record<string, unknown>>;

async function listed(
  api: DockerApi,
  path: string,
  filters: object = {},
): Promise<readonly Item[]> {
  const query = encodeURIComponent(JSON.stringify(filters));
  return (await api.json(`${path}?filters=${query}`)) as Item[];
}

test('Traefik finds routers in the labels of services and servers in their running tasks', async (t) => {
  const api = await cluster(t);
  t.like(await api.json('/v1.24/version'), { Os: 'linux' });
  const networks = await listed(api, '/v1.24/networks', { scope: { swarm: true } });
  t.true(Array.isArray(networks));
  const services = await listed(api, '/v1.24/services');
  const web = services.find(({ Spec }) => (Spec as Item).Name === 'demo_web');
  t.like(web, {
    Spec: {
      Labels: { 'traefik.http.routers.web.rule': 'Host(`web`)' },
      Mode: { Replicated: { Replicas: 2 } },
      EndpointSpec: { Mode: 'dnsrr' },
    },
    Endpoint: { Spec: { Mode: 'dnsrr' } },
  });
  const wanted = { 'desired-state': { running: true }, service: { [String(web?.ID)]: true } };
  const tasks = await listed(api, '/v1.24/tasks', wanted);
  t.is(tasks.length, 2);
  for (const task of tasks) {
    t.like(task, { ServiceID: web?.ID, DesiredState: 'running' });
    t.is(typeof (task.Status as Item).State, 'string');
    t.true('PortStatus' in (task.Status as Item));
  }
});

test('Prometheus reads nodes, services, tasks and networks', async (t) => {
  const api = await cluster(t);
  for (const node of await listed(api, '/v1.40/nodes')) {
    t.like(node, {
      Spec: { Availability: 'active', Role: 'worker' },
      Description: {
        Platform: { Architecture: 'x86_64', OS: 'linux' },
        Engine: { Labels: {} },
      },
      Status: { State: 'ready' },
    });
    t.is(typeof (node.Status as Item).Addr, 'string');
    t.is(typeof (node.Description as Item).Hostname, 'string');
  }
  const ids = (await listed(api, '/v1.40/services')).map(({ ID }) => ID);
  for (const task of await listed(api, '/v1.40/tasks')) {
    t.true(ids.includes(task.ServiceID));
    t.like(task, { Spec: { ContainerSpec: { Image: 'busybox' } } });
    t.is(typeof (task.Status as Item).ContainerStatus, 'object');
  }
  t.true(Array.isArray(await listed(api, '/v1.40/networks')));
});

test('Portainer takes the cluster for a swarm manager and lists all kinds of objects', async (t) => {
  const api = await cluster(t);
  t.is((await api.request('HEAD', '/_ping')).headers.swarm, 'active/manager');
  t.like(await api.json('/info'), {
    Swarm: { LocalNodeState: 'active', ControlAvailable: true, Nodes: 2 },
  });
  t.like(await api.json('/swarm'), { Spec: { Name: 'default' } });
  for (const path of ['/nodes', '/services', '/tasks', '/secrets', '/configs', '/networks']) {
    t.true(Array.isArray(await api.json(path)), `${path} is a list`);
  }
  const filters = { service: ['demo_web'], 'desired-state': ['running'] };
  t.is((await listed(api, '/tasks', filters)).length, 2);
  const [service] = await listed(api, '/services', { name: ['demo_redis'] });
  const version = (service?.Version as Item | undefined)?.Index;
  const scaled = { ...(service?.Spec as object), Mode: { Replicated: { Replicas: 3 } } };
  const path = `/services/${String(service?.ID)}/update?version=${String(version)}`;
  t.is((await api.request('POST', path, scaled)).status, 200);
  t.like(await api.json('/services/demo_redis'), {
    Spec: { Mode: { Replicated: { Replicas: 3 } } },
  });
});
