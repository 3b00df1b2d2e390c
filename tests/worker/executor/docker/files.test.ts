import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { FileMount } from '../../../../manager/common/model/container.js';
import type { SecretId } from '../../../../manager/common/model/ids.js';
import { TaskFiles } from '../../../../worker/executor/docker/files.js';

const secret: FileMount = {
  kind: 'secret',
  source: 'key',
  target: '/run/secrets/key',
  uid: '',
  gid: '',
  mode: 0o400,
};

test('a secret belongs to the container’s user unless it has ids of its own', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'files-'));
  const files = new TaskFiles({ secretsDir: folder, dataDir: folder, hostResolver: '/none' });
  const task = aTask(aService('web'), 1, { node: 'n' });
  const mounts = [secret, { ...secret, uid: '5', gid: '6' }];
  const container = { ...task.spec.container, files: mounts };
  const assigned = { ...task, spec: { ...task.spec, container } };
  const data = Buffer.from('abc').toString('base64');
  const inputs = {
    volumes: [],
    networks: [],
    files: [{ id: 's' as SecretId, kind: 'secret', name: 'key', data }],
  } as const;
  // The second write finds the same content and changes the owner only.
  const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const isRoot = user.uid === 0;
  const owner = isRoot ? { uid: 1000, gid: 1001 } : user;
  for (const each of [undefined, owner]) await files.write(assigned, inputs, task.id, each);
  const [first, second] = [join(folder, task.id, '0'), join(folder, task.id, '1')];
  t.is(await readFile(first, 'utf8'), 'abc');
  const { uid, gid, mode } = await stat(first);
  t.deepEqual({ uid, gid, mode: mode & 0o777 }, { ...owner, mode: 0o400 });
  if (isRoot) {
    const own = await stat(second);
    t.deepEqual({ uid: own.uid, gid: own.gid }, { uid: 5, gid: 6 });
  }
  await rm(folder, { recursive: true });
});
