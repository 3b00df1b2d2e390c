import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import type { AssignedFile, AssignmentSet } from '../../../manager/common/protocol/assignments.js';
import { isInMemory, SavedAssignments } from '../../../worker/assignments/saved-set.js';

const encoded = (text: string): string => Buffer.from(text).toString('base64');
const secret: AssignedFile = {
  id: 's1' as never,
  kind: 'secret',
  name: 'password',
  data: encoded('hush-hush'),
};
const config: AssignedFile = {
  id: 'c1' as never,
  kind: 'config',
  name: 'conf',
  data: encoded('x'),
};
const set: AssignmentSet = {
  clusterId: 'c',
  nodeId: 'n' as never,
  sequence: 1,
  tasks: [],
  networks: [],
  endpoints: [],
  volumes: [],
  projects: [],
  files: [config, secret],
};

async function places(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'saved-set-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return { dataDir: join(folder, 'data'), secretsDir: join(folder, 'memory'), clusterId: 'c' };
}

test('secret contents are stored only in the secrets directory, readable by their owner', async (t) => {
  const at = await places(t);
  await new SavedAssignments(at, silentLogger).save({ bootId: 'b', set });
  for (const name of await readdir(at.dataDir)) {
    const text = await readFile(join(at.dataDir, name), 'utf8');
    t.false(text.includes(secret.data));
    t.true(text.includes(config.data));
  }
  t.is((await stat(join(at.secretsDir, 'c.json'))).mode & 0o777, 0o600);
  const loaded = await new SavedAssignments(at, silentLogger).load();
  t.deepEqual(loaded, { bootId: 'b', set });
});

test('the set is loaded without secrets after a reboot', async (t) => {
  const at = await places(t);
  await new SavedAssignments(at, silentLogger).save({ bootId: 'b', set });
  await rm(at.secretsDir, { recursive: true });
  const loaded = await new SavedAssignments(at, silentLogger).load();
  t.deepEqual(loaded?.set.files, [config]);
});

test('a secret that is no longer assigned is deleted', async (t) => {
  const at = await places(t);
  const saved = new SavedAssignments(at, silentLogger);
  await saved.save({ bootId: 'b', set });
  await saved.save({ bootId: 'b', set: { ...set, files: [config] } });
  t.false((await readFile(join(at.secretsDir, 'c.json'), 'utf8')).includes(secret.data));
});

test('a saved set of another shape is ignored', async (t) => {
  const at = await places(t);
  await mkdir(at.dataDir, { recursive: true });
  for (const saved of [
    [],
    { bootId: 'b' },
    { bootId: 'b', set: { ...set, tasks: [{ id: 't1' }] } },
    { bootId: 'b', set: { ...set, endpoints: null } },
  ]) {
    await writeFile(join(at.dataDir, 'assignments.json'), JSON.stringify(saved));
    t.is(await new SavedAssignments(at, silentLogger).load(), undefined);
  }
});

test('isInMemory distinguishes memory file systems from disks', async (t) => {
  t.is(await isInMemory('/nowhere'), false);
  if (existsSync('/proc/self')) t.is(await isInMemory('/proc'), false);
});
