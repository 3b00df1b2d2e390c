import test from 'ava';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import type { FileMount } from '../../../manager/common/model/container.js';
import { maxDataBytes } from '../../../manager/common/model/secret.js';
import type { ProjectApply } from '../../../manager/common/protocol/project-calls.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import { anApply } from '../../helpers/managers/project-apply.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

const encoded = (text: string): string => Buffer.from(text).toString('base64');
const password: FileMount = {
  kind: 'secret',
  source: 'password',
  target: '/run/secrets/password',
  uid: '0',
  gid: '0',
  mode: 0o444,
};

function withFiles(files: readonly FileMount[]): ProjectApply {
  return anApply({ services: [aServiceSpec('web', { task: { container: { files } } })] });
}

test('a service with an external secret is rejected until the secret exists', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const apply = withFiles([password]);
  await t.throwsAsync(manager.call('project.apply', apply), {
    message:
      'service web: secret password declared as external, but could not be found; create it with "secret create"',
  });
  const made = { name: 'password', labels: { by: 'hand' }, data: encoded('hush') };
  const id = await manager.call('secret.create', made);
  await manager.call('project.apply', apply);
  const [listed] = await manager.call('secret.list', {});
  t.like(listed, { id, spec: { name: 'password', labels: { by: 'hand' } } });
  t.false(JSON.stringify(listed).includes(made.data));
});

test('a secret in use cannot be removed or created again', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const made = { name: 'password', labels: {}, data: encoded('hush') };
  await manager.call('secret.create', made);
  await t.throwsAsync(manager.call('secret.create', made), { message: /already exists$/u });
  await manager.call('project.apply', withFiles([password]));
  await t.throwsAsync(manager.call('secret.remove', { name: 'password' }), {
    message: 'secret password is in use by service demo_web',
  });
  await manager.call('project.apply', withFiles([]));
  await manager.call('secret.remove', { name: 'password' });
  t.deepEqual(await manager.call('secret.list', {}), []);
});

test('a secret and a config may share a name, and only the config can be read', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.call('secret.create', { name: 'x', labels: {}, data: encoded('hush') });
  await manager.call('config.create', { name: 'x', labels: {}, data: encoded('plain') });
  const [config] = await manager.call('config.list', {});
  t.is(config?.data, encoded('plain'));
  await manager.call('config.remove', { name: 'x' });
  t.is((await manager.call('secret.list', {})).length, 1);
});

test('oversized content, invalid base64 and invalid names are rejected', async (t) => {
  const manager = await TestManager.start(t, { pki });
  const make = (name: string, data: string) =>
    manager.call('secret.create', { name, labels: {}, data });
  await t.throwsAsync(make('long', Buffer.alloc(maxDataBytes + 1).toString('base64')), {
    message: /^secret long: 358401 bytes exceed the limit of 358400/u,
  });
  await t.throwsAsync(make('odd', 'no base64!'), { message: /is not valid base64$/u });
  for (const name of ['../x', '', 'a/b', '.a', 'a'.repeat(65)]) {
    t.log(name);
    await t.throwsAsync(make(name, 'eA=='));
  }
});

test('down removes the secrets and configs of the project and keeps those created by hand', async (t) => {
  const manager = await TestManager.start(t, { pki });
  await manager.call('secret.create', { name: 'password', labels: {}, data: encoded('hush') });
  const spec = { name: 'demo_conf-1', project: 'demo', key: 'conf', labels: {} };
  const mount = { ...password, kind: 'config', source: 'demo_conf-1' } as const;
  await manager.call('project.apply', {
    ...withFiles([mount]),
    configs: [{ spec, data: encoded('1') }],
  });
  const next = { ...spec, name: 'demo_conf-2' };
  await manager.call('project.apply', {
    ...withFiles([{ ...mount, source: 'demo_conf-2' }]),
    configs: [{ spec: next, data: encoded('2') }],
  });
  const names = async () => (await manager.call('config.list', {})).map((c) => c.spec.name);
  t.true((await names()).includes('demo_conf-2'));
  await manager.call('project.remove', { project: 'demo', volumes: false });
  t.deepEqual(await names(), []);
  t.is((await manager.call('secret.list', {})).length, 1);
});
