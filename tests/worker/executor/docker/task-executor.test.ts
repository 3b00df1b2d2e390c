import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../../manager/common/base/clock.js';
import { EngineClient } from '../../../../worker/executor/docker/client.js';
import { ContainerWatch } from '../../../../worker/executor/docker/container-watch.js';
import { TaskFiles } from '../../../../worker/executor/docker/files.js';
import { DockerTaskExecutor } from '../../../../worker/executor/docker/task-executor.js';
import type { TaskExecutorDependencies } from '../../../../worker/executor/docker/task-executor.js';
import type { EngineAttachment } from '../../../../worker/executor/executor.js';
import { task } from '../../../helpers/decisions/task-step.js';
import { engineRecording } from '../../../helpers/fakes/engine-recording.js';
import { silentLogger } from '../../../helpers/fakes/silent-logger.js';

type Endpoints = Record<string, { IPAMConfig: { IPv4Address: string } }>;

const { signal } = new AbortController();

function endpoint(address: string): Endpoints[string] {
  return { IPAMConfig: { IPv4Address: address } };
}

function attachment(engineNetwork: string, address: string): EngineAttachment {
  return { engineNetwork, address, mac: '', aliases: [] };
}

/** An engine with one container; networks in `gone` are only left in the container's record. */
async function engine(t: ExecutionContext, networks: Endpoints, gone: readonly string[] = []) {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'));
  const socket = join(folder, 'docker.sock');
  const record = JSON.parse(engineRecording('running.json')) as { readonly Id: string };
  const requests: string[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const [, network = '', verb] = /networks\/(\w+)\/(\w+)/u.exec(request.url ?? '') ?? [];
      if (verb !== undefined) requests.push(`${verb} ${network}`);
      if (gone.includes(network)) response.statusCode = 404;
      else if (verb === 'disconnect') Reflect.deleteProperty(networks, network);
      else if (verb === 'connect') {
        const { EndpointConfig } = (await json(request)) as { EndpointConfig: Endpoints[string] };
        networks[network] = EndpointConfig;
      }
      request.resume();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...record, NetworkSettings: { Networks: networks } }));
    })();
  });
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const client = new EngineClient(socket);
  const watched = { client, clusterId: 'c', clock: systemClock, log: silentLogger };
  const watch = new ContainerWatch({ ...watched, random: () => 0 });
  const dataDir = join(folder, 'data');
  const files = new TaskFiles({ secretsDir: folder, dataDir, hostResolver: '/nonexistent' });
  const parts: Partial<TaskExecutorDependencies> = { client, watch, files };
  const executor = new DockerTaskExecutor(parts as TaskExecutorDependencies);
  const connect = (wanted: readonly EngineAttachment[], nameserver?: string): Promise<void> =>
    executor.connect(
      record.Id,
      task(),
      {
        volumes: [],
        files: [],
        networks: wanted,
        ...(nameserver === undefined ? {} : { nameserver }),
      },
      signal,
    );
  await watch.inspect(record.Id);
  const maker = watch.get(record.Id)?.taskId ?? '';
  const resolver = join(dataDir, 'resolv', maker, 'resolv.conf');
  await mkdir(join(resolver, '..'), { recursive: true });
  return { connect, requests, resolver };
}

test('a container leaves and joins networks until it has these, and asks the first for names', async (t) => {
  const networks = { kept: endpoint('10.1.0.5'), left: endpoint('10.2.0.5') };
  const { connect, requests, resolver } = await engine(t, networks);
  await writeFile(resolver, `nameserver 192.0.2.1\n# ${'x'.repeat(200)}\n`);
  const wanted = [attachment('kept', '10.1.0.5'), attachment('joined', '10.3.0.5')];
  await connect(wanted, '10.1.0.1');
  t.deepEqual(requests, ['disconnect left', 'connect joined']);
  const text = await readFile(resolver, 'utf8');
  t.true(text.startsWith('nameserver 10.1.0.1\n'));
  t.false(text.includes('x'));
  await connect(wanted, '10.1.0.1');
  t.is(requests.length, 2);
});

test('a container that cannot leave a network fails, so that it is retried after a back-off', async (t) => {
  const { connect, requests } = await engine(t, { gone: endpoint('10.2.0.5') }, ['gone']);
  await t.throwsAsync(connect([]), {
    message: /its networks are gone after the change; retrying/u,
  });
  t.deepEqual(requests, ['disconnect gone']);
});
