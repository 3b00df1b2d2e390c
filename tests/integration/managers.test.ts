import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { ConsulServers } from '../../fixtures/consul/server.js';
import { messageOf } from '../../manager/common/base/errors.js';
import { newId } from '../../manager/common/base/random.js';
import { aServiceSpec } from '../../fixtures/cluster/build.js';
import { consulTest, sharedConsul, startConsul } from '../helpers/consul/consul.js';
import { DockerApi, upperCaseProcess, upperCaseOutput } from '../helpers/managers/docker-api.js';
import { FakeWorker } from '../helpers/fakes/fake-worker.js';
import type { ManagerProcess, ManagersOptions } from '../helpers/managers/manager-process.js';
import { leaderOf, prepareManagers } from '../helpers/managers/manager-process.js';
import type { TestPki } from '../helpers/pki/pki.js';
import { createTestPki } from '../helpers/pki/pki.js';
import { until } from '../helpers/until.js';

/* Three manager processes over three real Consul servers. */

const shared = sharedConsul({ servers: 3 });
let pki: TestPki;

test.before(async () => {
  pki = await createTestPki('c1');
});

async function managersOn(
  t: ExecutionContext,
  servers: ConsulServers,
  nodeIds: readonly string[],
  options: Partial<ManagersOptions> = {},
): Promise<readonly ManagerProcess[]> {
  const managers = await prepareManagers(t, nodeIds, {
    pki,
    discovery: `consul://${servers.addresses.join(',')}`,
    clusterName: newId(),
    ...options,
  });
  for (const manager of managers) manager.start();
  return managers;
}

function makeNetwork(manager: ManagerProcess, name: string): Promise<unknown> {
  return manager.call('network.create', {
    name,
    project: '',
    key: name,
    driver: 'overlay',
    internal: false,
    attachable: true,
    labels: {},
    driverOpts: {},
  });
}

/**
 * As a careful client does it: on a connection that the dead leader left open the request may have been on
 * its way already, and then it is looked at before it is made again.
 */
async function makeNetworkWithRetry(manager: ManagerProcess, name: string): Promise<void> {
  try {
    await makeNetwork(manager, name);
  } catch (error) {
    if (!messageOf(error).includes('check whether the change was made')) throw error;
    if (!(await networksOf(manager)).includes(name)) await makeNetwork(manager, name);
  }
}

async function networksOf(manager: ManagerProcess): Promise<readonly string[]> {
  return (await manager.call('network.list', {})).map(({ spec }) => spec.name).sort();
}

consulTest('every manager takes writes, answers reads and names the leader', async (t) => {
  const servers = shared();
  const managers = await managersOn(t, servers, ['m1', 'm2', 'm3']);
  const leader = await leaderOf(managers);
  for (const manager of managers) await makeNetwork(manager, `by-${manager.nodeId}`);
  for (const manager of managers) {
    t.deepEqual(await networksOf(manager), ['by-m1', 'by-m2', 'by-m3']);
    const listed = await manager.call('manager.list', {});
    t.deepEqual(
      listed.map(({ nodeId, alive, leader: leads }) => `${nodeId} ${alive} ${leads}`),
      ['m1', 'm2', 'm3'].map((id) => `${id} true ${id === leader.nodeId}`),
    );
  }
});

/** Deploys a one-replica service on a worker without an engine, which reports it as running. */
async function runOne(t: ExecutionContext, leader: ManagerProcess): Promise<FakeWorker> {
  const tls = await pki.node('worker', 'w1');
  const options = { port: leader.port, clusterId: 'c1', nodeId: 'w1', tls };
  const worker = await FakeWorker.join(options);
  t.teardown(() => {
    worker.leave();
  });
  await leader.call('project.apply', {
    project: 'demo',
    services: [aServiceSpec('web')],
    ...{ networks: [], volumes: [], secrets: [], configs: [], known: ['web'] },
    ...{
      externalNetworks: [],
      externalVolumes: [],
      forceRecreate: [],
      keepReplicas: [],
      renewVolumes: [],
    },
    ...{ removeOrphans: false, dryRun: false },
  });
  return worker;
}

consulTest('docker works through any manager, including exec', async (t) => {
  const managers = await managersOn(t, shared(), ['m1', 'm2']);
  const worker = await runOne(t, await leaderOf(managers));
  worker.serve = (_request, stream) => upperCaseProcess(stream);
  for (const manager of managers) {
    const api = new DockerApi(t, manager.port, await pki.client('ada'));
    await until('the container to run', 60_000, async () => {
      const { body } = await api.request('GET', '/v1.41/containers/json');
      return body.includes('/demo-web-1');
    });
    const missing = await api.request('GET', '/containers/nosuch/json');
    t.is(missing.status, 404);
    t.is(missing.headers['api-version'], '1.45');
    const made = await api.request('POST', '/containers/demo-web-1/exec', { Cmd: ['shout'] });
    const { Id: id } = JSON.parse(made.body) as { Id: string };
    const { socket, head } = await api.upgrade(`/exec/${id}/start`, {});
    const received = [head];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.end('hello');
    await once(socket, 'end');
    t.is(Buffer.concat(received).toString('latin1'), upperCaseOutput.hello);
    t.like(await api.json(`/exec/${id}/json`), { ExitCode: 3 });
    await t.throwsAsync(api.upgrade(`/exec/${id}/start`, {}), { message: /already/ });
  }
});

consulTest(
  'requests sent while the leader is dead wait until the next leader answers them',
  async (t) => {
    const servers = shared();
    const managers = await managersOn(t, servers, ['m1', 'm2', 'm3']);
    const first = await leaderOf(managers);
    await makeNetwork(first, 'before');
    const others = managers.filter((manager) => manager !== first);
    const began = performance.now();
    first.signal('SIGKILL');
    await first.exit;
    const [follower] = others;
    if (follower === undefined) throw new Error('no other manager');
    await makeNetworkWithRetry(follower, 'after');
    t.log(`next write accepted after ${Math.round(performance.now() - began)} ms`);
    for (const other of others) t.deepEqual(await networksOf(other), ['after', 'before']);
    first.start();
    await leaderOf(managers);
    t.deepEqual(await networksOf(first), ['after', 'before'], 'it follows after its restart');
  },
);

consulTest('a leader that resumes after SIGSTOP follows the next one', async (t) => {
  const servers = shared();
  const managers = await managersOn(t, servers, ['m1', 'm2']);
  const first = await leaderOf(managers);
  const second = managers.find((manager) => manager !== first);
  if (second === undefined) throw new Error('no other manager');
  // A connection to the stopped leader, which stays open.
  t.deepEqual(await networksOf(second), []);
  first.signal('SIGSTOP');
  const asked = networksOf(second);
  await until('the other one leads', 20_000, () => second.output.includes('manager is the leader'));
  t.deepEqual(await asked, [], 'asked of the one that was stopped, answered by the next');
  await makeNetwork(second, 'new');
  first.signal('SIGCONT');
  await until('it follows', 20_000, async () => {
    const names = await networksOf(first).catch((): readonly string[] => []);
    return names.includes('new') && first.output.includes('leadership lost');
  });
  await makeNetwork(first, 'through-the-old');
  t.deepEqual(await networksOf(second), ['new', 'through-the-old']);
});

consulTest('a worker is redirected to the leader and learns all managers', async (t) => {
  const servers = shared();
  const managers = await managersOn(t, servers, ['m1', 'm2']);
  const leader = await leaderOf(managers);
  const other = managers.find((manager) => manager !== leader);
  if (other === undefined) throw new Error('no other manager');
  const tls = await pki.node('worker', 'w1');
  const worker = { clusterId: 'c1', nodeId: 'w1', tls };
  const redirected = await FakeWorker.join({ ...worker, port: other.port });
  await redirected.ended;
  t.is(redirected.redirectedTo, leader.address);
  const joined = await FakeWorker.join({ ...worker, port: leader.port });
  t.teardown(() => {
    joined.leave();
  });
  const all = managers.map(({ address }) => address).sort();
  await until(
    'the worker has all addresses',
    20_000,
    () => joined.managers.toSorted().join() === all.join(),
  );
  const nodes = await other.call('node.list', {});
  t.deepEqual(
    nodes.map(({ id, status }) => `${id} ${status.state}`),
    ['w1 ready'],
  );
});

consulTest('invalid settings give a one-line error at the start', async (t) => {
  const servers = shared();
  const clusterName = newId();
  const [first] = await managersOn(t, servers, ['m1'], { clusterName });
  if (first === undefined) throw new Error('no manager');
  await leaderOf([first]);
  const cases: readonly [readonly string[], Partial<ManagersOptions>, RegExp][] = [
    [['m1'], { clusterName }, /manager m1 of cluster \w+ is already running at 127\.0\.0\.1:\d+/],
    [['m2'], { clusterName, clusterId: 'c2' }, /belongs to cluster \w+ \(c1\), not to \w+ \(c2\)/],
    [['m3'], { consul: { tokenFile: '/nonexistent' } }, /consul: cannot read file/],
    [['m4'], { discovery: 'consul:/x' }, /discovery must be consul:\/\/host:port/],
  ];
  for (const [ids, options, message] of cases) {
    const [manager] = await managersOn(t, servers, ids, options);
    if (manager === undefined) throw new Error('no manager');
    t.is(await manager.exit, 1);
    const { output } = manager;
    t.regex(output, message);
    t.notRegex(output, /\n\s+at /, 'no stack trace');
  }
});

consulTest('a consul with ACLs accepts only a manager with a valid token', async (t) => {
  const servers = await startConsul({ masterToken: 'c0ffee00-0000-4000-8000-000000000000' });
  t.teardown(() => servers.stop());
  const folder = await mkdtemp(join(tmpdir(), 'shoal-token-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const withToken = async (token: string): Promise<ManagerProcess> => {
    const tokenFile = join(folder, token);
    await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
    const [manager] = await managersOn(t, servers, ['m1'], { consul: { tokenFile } });
    if (manager === undefined) throw new Error('no manager');
    return manager;
  };
  const refused = await withToken('00000000-0000-4000-8000-000000000001');
  t.is(await refused.exit, 1);
  t.regex(refused.output, /consul at .* permission denied/);
  t.notRegex(refused.output, /0000-4000-8000/);
  const manager = await withToken('c0ffee00-0000-4000-8000-000000000000');
  await leaderOf([manager]);
  await makeNetwork(manager, 'n');
  t.deepEqual(await networksOf(manager), ['n']);
});

consulTest('a manager without consul waits and answers calls with the reason', async (t) => {
  const servers = shared();
  const [manager] = await managersOn(t, servers, ['m1'], { discovery: 'consul://127.0.0.1:1' });
  await until('it listens', 20_000, () => manager?.output.includes('manager is ready') === true);
  await t.throwsAsync(async () => manager?.call('node.list', {}), {
    message: /has no leading manager: consul at 127\.0\.0\.1:1 cannot be reached/,
  });
});

consulTest('retiring the last manager removes the cluster from consul', async (t) => {
  const servers = shared();
  const clusterName = newId();
  const [manager] = await managersOn(t, servers, ['m1'], { clusterName });
  if (manager === undefined) throw new Error('no manager');
  await leaderOf([manager]);
  await makeNetwork(manager, 'n');
  const worker = await FakeWorker.join({
    ...{ clusterId: 'c1', nodeId: 'w1', port: manager.port },
    tls: await pki.node('worker', 'w1'),
  });
  const ask = async (path: string): Promise<readonly unknown[]> => {
    const answer = await fetch(`http://${servers.addresses[0] ?? ''}/v1/${path}`);
    return answer.ok
      ? Object.values((await answer.json()) as Readonly<Record<string, unknown>>)
      : [];
  };
  const left = async (): Promise<readonly unknown[]> => [
    ...(await ask(`kv/shoal/${clusterName}/?keys`)),
    ...((await ask('catalog/nodes')) as readonly { readonly Node: string }[]).filter(({ Node }) =>
      Node.startsWith(`shoal-${clusterName}-`),
    ),
    ...(await ask(`catalog/service/shoal-manager?tag=${clusterName}`)),
    // The agent would register its own services again.
    ...((await ask('agent/services')) as readonly { readonly Tags: readonly string[] }[]).filter(
      ({ Tags }) => Tags.includes(clusterName),
    ),
  ];
  await until('its entries', 20_000, async () => (await left()).length > 3);
  worker.leave();
  manager.signal('SIGKILL');
  await manager.exit;
  t.is(await manager.retire(), 0);
  t.deepEqual(await left(), []);
});

consulTest('a manager whose node was removed exits and cannot restart', async (t) => {
  const servers = shared();
  const managers = await managersOn(t, servers, ['m1', 'm2', 'm3']);
  const first = await leaderOf(managers);
  const [second, third] = managers.filter((manager) => manager !== first);
  if (second === undefined || third === undefined) throw new Error('no other manager');
  // Each machine has a worker as well; removing its node removes both.
  for (const { nodeId } of managers) {
    const tls = await pki.node('worker', nodeId);
    const worker = await FakeWorker.join({ clusterId: 'c1', nodeId, tls, port: first.port });
    t.teardown(() => {
      worker.leave();
    });
  }
  await until('nodes', 20_000, async () => (await first.call('node.list', {})).length === 3);
  await t.throwsAsync(
    async () => first.call('node.remove', { node: second.nodeId, force: false }),
    {
      message: /is a manager/,
    },
  );
  await first.call('node.remove', { node: second.nodeId, force: true });
  t.not(await second.exit, 0);
  t.regex(second.output, /was removed from cluster/);
  second.start();
  t.not(await second.exit, 0);
  await first.call('node.remove', { node: first.nodeId, force: true });
  t.not(await first.exit, 0);
  await makeNetworkWithRetry(third, 'after');
  t.deepEqual(await networksOf(third), ['after']);
});

consulTest('a secret is sealed in consul, and the next leader can read it', async (t) => {
  const servers = shared();
  const managers = await managersOn(t, servers, ['m1', 'm2']);
  const first = await leaderOf(managers);
  const next = managers.find((manager) => manager !== first);
  if (next === undefined) throw new Error('no other manager');
  const plain = 'correct horse battery staple';
  const data = Buffer.from(plain).toString('base64');
  await first.call('secret.create', { name: 's1', labels: {}, data });
  const answer = await fetch(`http://${servers.addresses[0] ?? ''}/v1/kv/?recurse`);
  const keys = (await answer.json()) as readonly { readonly Value: string | null }[];
  const values = keys.map(({ Value }) => Buffer.from(Value ?? '', 'base64').toString());
  t.true(values.some((value) => value.includes('"s1"')));
  t.false(values.some((value) => value.includes(plain) || value.includes(data)));
  await until('the same key', 30_000, async () => {
    const [one, other] = await Promise.all(
      [first, next].map((manager) => readFile(manager.keyPath, 'utf8').catch(() => '')),
    );
    return one !== '' && one === other;
  });
  first.signal('SIGKILL');
  await first.exit;
  const secrets = await next.call('secret.list', {}, 20_000);
  t.deepEqual(
    secrets.map((secret) => secret.spec.name),
    ['s1'],
  );
});
