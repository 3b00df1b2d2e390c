import { createServer, type RequestListener } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../../fixtures/lab/wait.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import { jsonLogger } from '../../../manager/common/base/log.js';
import { EngineClient } from '../../../worker/executor/docker/client.js';
import { ComposeContainers } from '../../../worker/executor/docker/compose-containers.js';
import { DockerContainerAccess } from '../../../worker/executor/docker/container-access.js';
import { ContainerWatch } from '../../../worker/executor/docker/container-watch.js';
import { readEngineDescription } from '../../../worker/executor/docker/engine-description.js';
import { ImageLayers } from '../../../worker/executor/docker/images/image-layers.js';
import { listImages } from '../../../worker/executor/docker/images/image-records.js';
import {
  commitImage,
  registryDigest,
} from '../../../worker/executor/docker/images/image-streams.js';
import { Images } from '../../../worker/executor/docker/images/images.js';
import { EngineNetworks } from '../../../worker/executor/docker/networks.js';
import { Volumes } from '../../../worker/executor/docker/mounts/volumes.js';
import { engineRecording } from '../../helpers/fakes/engine-recording.js';

/** A client of an engine that handles requests with `listener`. */
async function engine(t: ExecutionContext, listener: RequestListener): Promise<EngineClient> {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'));
  const socket = join(folder, 'docker.sock');
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  return new EngineClient(socket);
}

const { signal } = new AbortController();
const noContainers = { all: () => [] } as never;

type Operation = (client: EngineClient) => Promise<unknown>;

const operations: readonly (readonly [string, unknown, Operation, RegExp])[] = [
  ['version', { Version: '1' }, (client) => client.negotiate(signal), /ApiVersion must be/u],
  ['info', { NCPU: '4' }, (client) => readEngineDescription(client, signal), /ServerVersion/u],
  ['images', [{ Id: 7 }], (client) => listImages(client, signal), /\[0\]\.Id must be/u],
  ['layers', {}, (client) => new ImageLayers(client).known([], signal), /must be an array/u],
  [
    'image',
    { Id: 'i', Config: { Cmd: [1] } },
    (client) => new Images(client, 'a', systemClock).find('web', signal),
    /inspect image web: .*Config\.Cmd\[0\] must be a string/u,
  ],
  [
    'image record',
    { Id: 'i', RootFS: 1 },
    (client) => new Images(client, 'a', systemClock).inspect('web', signal),
    /RootFS must be an object/u,
  ],
  [
    'load',
    { progressDetail: 'half' },
    (client) =>
      new Images(client, 'a', systemClock).load(imageArchive(), { image: 'web', id }, signal),
    /load an image: engine answer: progressDetail must be an object/u,
  ],
  [
    'digest',
    { Descriptor: {} },
    (client) => registryDigest(client, 'web', undefined, signal),
    /look up image web: .*Descriptor\.digest must be/u,
  ],
  [
    'commit',
    {},
    (client) => commitImage(client, 'c', { changes: [], pause: false }, signal),
    /commit container c: .*Id must be/u,
  ],
  [
    'networks',
    [{ Id: 'n', Name: 'n', Labels: [] }],
    (client) => new EngineNetworks(client, 'c', noContainers).list(signal),
    /list networks: .*\[0\]\.Labels must be an object/u,
  ],
  [
    'compose containers',
    [{ Id: 'c', State: 1 }],
    (client) => new ComposeContainers(client).list('demo', signal),
    /list containers of project demo: .*State must be a string/u,
  ],
  [
    'volumes',
    { Volumes: [{ Name: 1 }] },
    (client) => new Volumes(client, { clusterId: 'c', nodeId: 'n' }, 'a').list(signal),
    /list volumes: .*Volumes\[0\]\.Name must be/u,
  ],
  [
    'top',
    { Titles: 'PID' },
    (client) => new DockerContainerAccess(client).top('c', 'aux', signal),
    /list processes of container c: .*Titles must be an array/u,
  ],
  [
    'log',
    { Config: { Tty: 'yes' } },
    (client) => new DockerContainerAccess(client).logs('c', { follow: false }, signal),
    /read the log of container c: .*Config\.Tty must be true or false/u,
  ],
  [
    'attach',
    { Config: null },
    (client) => new DockerContainerAccess(client).attach('c', { stdin: false }, signal),
    /attach to container c: .*Config must be an object/u,
  ],
];

/** Id of the image in the archive. */
const id = `sha256:${createHash('sha256').update('{}').digest('hex')}`;

function imageArchive(): NodeJS.ReadableStream {
  const archive = pack();
  archive.entry({ name: 'c.json' }, '{}');
  archive.entry({ name: 'manifest.json' }, '[{"Config":"c.json"}]');
  archive.finalize();
  return Readable.from(archive);
}

for (const [name, body, run, message] of operations) {
  test(`a malformed answer is a one-line error that names the operation: ${name}`, async (t) => {
    const client = await engine(t, (request, response) => {
      request.resume();
      response.setHeader('content-type', 'application/json');
      response.statusCode = request.url?.includes('/commit') === true ? 201 : 200;
      response.end(`${JSON.stringify(body)}\n`);
    });
    const error = await t.throwsAsync(run(client), { message });
    t.false(error.message.includes('\n'));
    t.regex(error.message, /engine answer: /u);
  });
}

test('the path header of a container is decoded', async (t) => {
  let header = Buffer.from(JSON.stringify({ name: 'x', mode: 0x8000_0000, linkTarget: '' }));
  const client = await engine(t, (_request, response) => {
    response.setHeader('x-docker-container-path-stat', header.toString('base64'));
    response.end();
  });
  const access = new DockerContainerAccess(client);
  t.deepEqual(await access.statPath('c', '/x', signal), { name: 'x', isFolder: true });
  header = Buffer.from('{"name": 1}');
  await t.throwsAsync(access.statPath('c', '/x', signal), {
    message: 'stat /x in container c: engine answer: name must be a string',
  });
});

test('a malformed container or event does not hide the other containers', async (t) => {
  const good = JSON.parse(engineRecording('running.json')) as { readonly Id: string };
  const bad = { ...good, Id: 'bad', State: { Status: 1 } };
  const warnings: string[] = [];
  const client = await engine(t, ({ url = '' }, response) => {
    const answers: readonly (readonly [string, unknown])[] = [
      ['/version', { Version: '28', ApiVersion: '1.45' }],
      ['/containers/json', [{ Id: 'bad' }, { Id: good.Id }]],
      ['/containers/bad/json', bad],
      ['/containers/', good],
    ];
    if (url.includes('/events')) {
      response.write('{"Type": "container", "Actor": 7}\n{\n');
      return;
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answers.find(([path]) => url.includes(path))?.[1]));
  });
  const watch = new ContainerWatch({
    client,
    clusterId: 'c',
    clock: systemClock,
    log: jsonLogger(
      'warn',
      (line) => warnings.push(line),
      () => 0,
    ),
    random: () => 0,
  });
  t.teardown(() => watch.stop());
  watch.start();
  await waitFor('the list and the events', () => watch.hasSynced && warnings.length >= 3);
  t.deepEqual(
    [...watch.all()].map(({ id }) => id),
    [good.Id],
  );
  const text = warnings.join('\n');
  t.regex(text, /container bad: malformed engine answer: .*; the container is ignored/u);
  t.regex(text, /engine events: Actor must be an object; the event is ignored/u);
  t.regex(text, /engine events: invalid JSON; the event is ignored/u);
});
