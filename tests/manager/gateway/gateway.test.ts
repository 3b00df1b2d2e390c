import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { encodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import { DockerApi, upperCaseProcess, upperCaseOutput } from '../../helpers/managers/docker-api.js';
import type { FakeWorker } from '../../helpers/fakes/fake-worker.js';
import { aStatus } from '../../helpers/fakes/fake-worker.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createManagerPki } from '../../helpers/managers/test-manager.js';
import {
  containerNames as names,
  errorMessage as message,
  gatewayScene,
  type GatewayScene,
} from '../../helpers/managers/gateway-scene.js';
import { until } from '../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

const scene = (t: ExecutionContext): Promise<GatewayScene> => gatewayScene(t, pki);

test('ping and every error have the headers for version negotiation', async (t) => {
  const { api } = await scene(t);
  const asked = await api.request('HEAD', '/_ping');
  t.is(asked.status, 200);
  t.like(asked.headers, { 'api-version': '1.45', ostype: 'linux', swarm: 'active/manager' });
  t.is(asked.body, '');
  t.is((await api.request('GET', '/v1.41/_ping')).body, 'OK');
  const refused = await api.request('GET', '/v1.99/_ping');
  t.is(refused.status, 400);
  t.is(refused.headers['api-version'], '1.45');
  t.regex(message(refused.body), /client version 1\.99 is too new/);
});

test('workers are not allowed to use the Docker API', async (t) => {
  const { manager } = await scene(t);
  const worker = new DockerApi(t, manager.port, await pki.node('worker', 'w3'));
  const { status, body } = await worker.request('GET', '/containers/json');
  t.is(status, 403);
  t.regex(message(body), /worker/);
});

test('containers of all nodes are listed and inspected on their engine', async (t) => {
  const { api, workers } = await scene(t);
  t.deepEqual(await names(api), ['/demo-redis-1', '/demo-web-1', '/demo-web-2']);
  for (const worker of workers) {
    worker.answer = ({ name }) => (name === 'inspect' ? { Id: 'x', State: { Pid: 7 } } : null);
  }
  const shown = await api.json('/v1.41/containers/demo-web-2/json');
  t.like(shown, { Id: 'x', State: { Pid: 7 }, Name: '/demo-web-2' });
  t.regex((shown as { Node: { Name: string } }).Node.Name, /^w[12]$/);
});

test('an unknown name is not found on any path that docker inspect tries', async (t) => {
  const { api } = await scene(t);
  for (const path of [
    '/containers/nosuch/json',
    '/images/nosuch/json',
    '/networks/nosuch',
    '/volumes/nosuch',
    '/services/nosuch',
    '/tasks/nosuch',
    '/nodes/nosuch',
    '/plugins/nosuch/json',
    '/secrets/nosuch',
    '/configs/nosuch',
    '/exec/nosuch/json',
  ]) {
    const { status, body } = await api.request('GET', path);
    t.is(status, 404, `${path} is found`);
    t.regex(message(body), /nosuch/, `${path} is not named`);
  }
});

test('unsupported requests name the command to use instead', async (t) => {
  const { api } = await scene(t);
  const socket = await api.request('GET', '/containers/demo-web-1/attach/ws');
  t.is(socket.status, 501);
  t.regex(message(socket.body), /shoal attach/);
  t.regex(message((await api.request('POST', '/swarm/leave')).body), /shoal machine rm/);
  t.is((await api.request('GET', '/nothing')).status, 404);
});

test('log lines are framed by stream and filtered by the requested streams', async (t) => {
  const { api, workers } = await scene(t);
  for (const worker of workers) {
    worker.serve = async (_request, stream) => {
      const at = { at: 1, stamp: '2026-01-02T03:04:05.000000006Z' };
      const lines = [
        { ...at, stream: 'stdout', text: 'one' },
        { ...at, stream: 'stderr', text: 'two' },
      ];
      await stream.send(JSON.stringify(lines));
    };
  }
  const path = '/containers/demo-web-1/logs';
  const both = await buffer(await api.open('GET', `${path}?stdout=1&stderr=1`));
  t.is(both.toString('latin1'), '\x01\0\0\0\0\0\0\x04one\n\x02\0\0\0\0\0\0\x04two\n');
  const errors = await buffer(await api.open('GET', `${path}?stderr=1&timestamps=1`));
  t.is(errors.subarray(8).toString(), '2026-01-02T03:04:05.000000006Z two\n');
  t.is((await api.request('GET', path)).status, 400);
});

/** Serves statistics of all tasks until the reader disconnects; counts the requests. */
function serveStats(worker: FakeWorker): { readonly opened: () => number } {
  let opened = 0;
  worker.serve = async (request, stream) => {
    if (request.kind !== 'stats') return;
    opened += 1;
    const uses = [...worker.held.tasks.keys()].map((taskId) => ({
      ...{ taskId, cpuPercent: 12.5, cpuSeconds: 90, memoryBytes: 2 ** 20, pids: 3 },
      ...{ memoryLimitBytes: 2 ** 30, rxBytes: 1, txBytes: 2, rxPerSecond: 0, txPerSecond: 0 },
      ...{ readBytes: 3, writeBytes: 4, readPerSecond: 0, writePerSecond: 0 },
    }));
    await stream.send(JSON.stringify({ at: Date.now(), tasks: uses, gone: [] }));
    await stream.ended;
  };
  return { opened: () => opened };
}

async function firstLine(answer: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of answer) {
    text += chunk.toString();
    if (text.includes('\n')) break;
  }
  return text.split('\n')[0] ?? '';
}

test('concurrent statistics readers share one stream per node', async (t) => {
  const { api, workers } = await scene(t);
  const counted = workers.map(serveStats);
  const listed = await names(api);
  const read = await Promise.all(
    [...listed, ...listed, ...listed].map(async (name) => {
      const answer = await api.open('GET', `/containers${name}/stats?stream=1`);
      return JSON.parse(await firstLine(answer)) as object;
    }),
  );
  t.is(read.length, 9);
  for (const stats of read) {
    t.like(stats, { memory_stats: { usage: 2 ** 20 }, pids_stats: { current: 3 } });
  }
  t.deepEqual(
    counted.map(({ opened }) => opened()),
    [1, 1],
  );
});

test("statistics without a stream are the engine's own, under the name in the cluster", async (t) => {
  const { api, workers } = await scene(t);
  for (const worker of workers) {
    worker.serve = async (request, stream) => {
      const path = request.kind === 'engine' ? request.path : '';
      await stream.send(JSON.stringify({ status: 200, headers: {} }));
      const body = JSON.stringify({ name: '/x', path, precpu_stats: { online_cpus: 4 } });
      await stream.send(encodeStreamFrame('stdout', body));
      await stream.send(encodeStreamFrame('exit', '0'));
      await stream.ended;
    };
  }
  t.deepEqual(await api.json('/containers/demo-web-1/stats?stream=0'), {
    name: '/demo-web-1',
    path: '/containers/:container/stats?stream=0',
    precpu_stats: { online_cpus: 4 },
  });
});

test('exec streams over the hijacked connection and returns the exit code', async (t) => {
  const { api, manager, workers } = await scene(t);
  for (const worker of workers) worker.serve = (_request, stream) => upperCaseProcess(stream);
  const made = await api.request('POST', '/containers/demo-redis-1/exec', {
    AttachStdin: true,
    Cmd: ['shout'],
  });
  t.is(made.status, 201);
  const { Id: id } = JSON.parse(made.body) as { Id: string };
  t.like(await api.json(`/exec/${id}/json`), { Running: false, ExitCode: null });
  const { socket, head } = await api.upgrade(`/exec/${id}/start`, { Detach: false, Tty: false });
  const heard: Buffer[] = [head];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  // The client half-closes after its input; it still gets the output.
  socket.end('hello');
  await once(socket, 'end');
  t.is(Buffer.concat(heard).toString('latin1'), upperCaseOutput.hello);
  t.like(await api.json(`/exec/${id}/json`), { Running: false, ExitCode: 3 });
  await t.throwsAsync(api.upgrade(`/exec/${id}/start`, {}), { message: /409 .*already/ });
  const audit = await manager.call('audit.list', {});
  t.true(audit.some(({ who, action }) => who === 'ada' && action === 'exec'));
});

test('a failed connection upgrade returns the error', async (t) => {
  const { api } = await scene(t);
  await t.throwsAsync(api.upgrade('/exec/nosuch/start', {}), { message: /404 .*nosuch/ });
  await t.throwsAsync(api.upgrade('/swarm/leave', {}), { message: /501 .*shoal machine rm/ });
});

test('docker compose down leaves nothing of a project of shoal up', async (t) => {
  const { api, manager, workers } = await scene(t);
  const services = async (): Promise<readonly string[]> =>
    (await manager.call('service.list', {})).map(({ spec }) => spec.name).sort();
  const tasks = await manager.call('task.list', {});
  for (const worker of workers) worker.reportsAssigned = false;
  const stopped = tasks.map(async ({ id, containerName, status: { containerId = '' } }) => {
    const holder = workers.find(({ held }) => held.tasks.has(id));
    const stopping = api.request('POST', `/containers/${containerName}/stop?t=1`);
    await until('it is told', 60_000, () => holder?.held.tasks.get(id)?.desired === 'shutdown');
    holder?.report(id, aStatus('shutdown', { containerId, exitCode: 0 }));
    t.is((await stopping).status, 204);
    return containerName;
  });
  const containers = await Promise.all(stopped);
  // One of several containers is in the hands of the client, with the others.
  t.deepEqual(await services(), ['demo_demo-web-1', 'demo_demo-web-2', 'demo_redis']);
  for (const name of containers) {
    t.is((await api.request('DELETE', `/containers/${name}`)).status, 204);
  }
  t.deepEqual(await services(), []);
});

test('the only container of a service can be stopped and started', async (t) => {
  const { api, manager, workers } = await scene(t);
  const [{ id } = { id: '' }] = await manager.call('task.list', { service: 'redis' });
  const holder = workers.find(({ held }) => held.tasks.has(id));
  if (holder === undefined) throw new Error('nobody runs it');
  // Like an engine, the worker still reports the stopped container.
  holder.reportsAssigned = false;
  const stopping = api.request('POST', '/containers/demo-redis-1/stop?t=1');
  await until('it is told', 60_000, () => holder.held.tasks.get(id)?.desired === 'shutdown');
  holder.report(id, aStatus('shutdown', { containerId: 'c0ffee', exitCode: 0 }));
  t.is((await stopping).status, 204);
  t.deepEqual(await names(api), ['/demo-web-1', '/demo-web-2']);
  t.is((await names(api, '?all=1')).length, 3);
  const services = await manager.call('service.list', {});
  t.true(services.find(({ spec }) => spec.service === 'redis')?.spec.halted);
  holder.reportsAssigned = true;
  t.is((await api.request('POST', '/containers/c0ffee/start')).status, 204);
  t.is((await names(api)).length, 3);
  t.is((await api.request('POST', '/containers/demo-redis-1/start')).status, 304);
});

/** Makes the workers report a pause like an engine, after they have answered the call. */
function reportPauses(workers: readonly FakeWorker[]): void {
  for (const worker of workers) {
    worker.answer = ({ name, args }) => {
      if (name === 'pause' || name === 'unpause') {
        const { taskId } = args as { readonly taskId: string };
        setTimeout(() => {
          const paused = name === 'pause';
          worker.report(
            taskId,
            aStatus('running', { startedAt: 1, containerId: `c-${taskId}`, paused }),
          );
        }, 50);
      }
      return null;
    };
  }
}

test('a pause is visible to the next call', async (t) => {
  const { api, workers } = await scene(t);
  reportPauses(workers);
  const act = async (verb: string): Promise<number> =>
    (await api.request('POST', `/containers/demo-web-1/${verb}`)).status;
  t.deepEqual([await act('pause'), await act('unpause'), await act('unpause')], [204, 204, 409]);
  t.is(await act('pause'), 204);
  const exec = await api.request('POST', '/containers/demo-web-1/exec', { Cmd: ['id'] });
  t.is(exec.status, 409);
  t.regex(message(exec.body), /is paused, unpause the container before exec/u);
  await t.throwsAsync(api.upgrade('/containers/demo-web-1/attach?stream=1', {}), {
    message: /409 .*is paused, unpause the container before attach/u,
  });
});

test('the terminal of a container is resized on its node', async (t) => {
  const { api, workers } = await scene(t);
  const asked: object[] = [];
  for (const worker of workers) {
    worker.serve = async (request, stream) => {
      asked.push(request);
      await stream.send(JSON.stringify({ status: 200, headers: {} }));
      await stream.send(encodeStreamFrame('exit', '0'));
      await stream.ended;
    };
  }
  t.is((await api.request('POST', '/v1.41/containers/demo-web-1/resize?h=20&w=x')).status, 400);
  t.is((await api.request('POST', '/v1.41/containers/demo-web-1/resize?h=20&w=90')).status, 200);
  t.is(asked.length, 1);
  t.like(asked[0], { path: '/containers/:container/resize?h=20&w=90', apiMinor: 41 });
});

test('a negative limit lists the running containers', async (t) => {
  const { api } = await scene(t);
  t.is((await names(api, '?limit=-1&all=0&size=0&trunc_cmd=0')).length, 3);
  t.is((await names(api, '?limit=1')).length, 1);
  t.is((await api.request('GET', '/containers/json?limit=x')).status, 400);
});

test('actions on a container reach only that container on its node', async (t) => {
  const { api, workers } = await scene(t);
  reportPauses(workers);
  t.is((await api.request('POST', '/containers/demo-web-2/kill?signal=HUP')).status, 204);
  t.is((await api.request('POST', '/containers/demo-web-2/pause')).status, 204);
  t.is((await api.request('POST', '/containers/demo-web-2/restart?t=3')).status, 204);
  const calls = workers.flatMap((worker) => worker.calls);
  t.deepEqual(
    calls.map(({ name }) => name),
    ['kill', 'pause', 'restart'],
  );
  t.is(new Set(calls.map(({ args }) => (args as { taskId: string }).taskId)).size, 1);
  t.is((await api.request('POST', '/containers/nosuch/kill')).status, 404);
});
