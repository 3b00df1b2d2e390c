import { X509Certificate } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import { isAppError, isForbidden, messageOf } from '../../../manager/common/base/errors.js';
import type { ClientRole } from '../../../manager/common/model/trust/client.js';
import { certificateFingerprint } from '../../../manager/common/pki/pki-peer.js';
import { createPrivateKey, createRequest } from '../../../manager/common/pki/pki.js';
import { forwardedPeerHeader } from '../../../manager/common/protocol/messages.js';
import type { Connection } from '../../../manager/common/protocol/transport-connection.js';
import type { TlsMaterial } from '../../../manager/common/protocol/transport-tls.js';
import { anApply } from '../../helpers/managers/project-apply.js';
import { DockerApi } from '../../helpers/managers/docker-api.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import { temporaryFolder, writeManager } from '../../helpers/pki/pki-folder.js';
import type { TestPki } from '../../helpers/pki/pki.js';

let pki: TestPki;
let key: string;

test.before(async () => {
  pki = await createManagerPki();
  key = await createPrivateKey();
});

async function start(t: ExecutionContext): Promise<TestManager> {
  const pkiPaths = await writeManager(await temporaryFolder(t), pki, 600_000);
  return TestManager.start(t, { pki, pkiPaths });
}

/** Creates a client as the owner and returns what it presents. */
async function client(
  manager: TestManager,
  name: string,
  role: ClientRole,
  projects: readonly string[] = [],
): Promise<TlsMaterial> {
  const request = await createRequest(key, 'ignored');
  const order = { name, role, projects, lifetimeMs: 3_600_000, request };
  const { chain } = await manager.call('client.create', order);
  return { ca: pki.ca, cert: chain, key };
}

function apply(project: string): ReturnType<typeof anApply> {
  const services = [aServiceSpec('web', { project })];
  return { ...anApply({ services }), project };
}

/** Resolves with the error that ends a stream. */
async function endOf(stream: Connection): Promise<string> {
  let last = '';
  try {
    for await (const message of stream) last = String(message);
  } catch {
    // Closed with a code; the last message is the reason.
  }
  return last;
}

test('roles and projects bind calls, streams and the Docker API', async (t) => {
  const manager = await start(t);
  const viewer = await client(manager, 'viewer', 'read');
  const ci = await client(manager, 'ci', 'deploy', ['shop']);
  for (const project of ['shop', 'blog']) await manager.call('project.apply', apply(project));
  await manager.call('project.apply', apply('shop'), ci);
  const refused = await t.throwsAsync(manager.call('project.apply', apply('blog'), ci));
  t.is(refused.message, 'project.apply: project blog: client ci is limited to project shop');
  const services = await manager.call('service.list', {}, ci);
  t.deepEqual(
    services.map(({ spec }) => spec.project),
    ['shop'],
  );
  const all = await manager.call('service.list', {}, viewer);
  t.is(all.length, 2);
  const args = { project: 'shop', service: 'web' };
  const exec = await manager.stream(
    'exec',
    { ...args, options: { command: ['id'] } as never },
    {
      tls: viewer,
    },
  );
  t.regex(await endOf(exec), /exec: client viewer has role read; an admin can grant role deploy/u);
  const docker = new DockerApi(t, manager.port, viewer);
  const made = await docker.request('POST', '/containers/any/exec');
  t.is(made.status, 403);
  t.regex(made.body, /client viewer has role read/u);
});

test('a deployer creates no privileged container and no volume of the machine', async (t) => {
  const manager = await start(t);
  const ci = await client(manager, 'ci', 'deploy');
  const spec = aServiceSpec('web');
  const container = { ...spec.task.container, hostConfig: { Privileged: true } };
  const privileged = { ...spec, task: { ...spec.task, container } };
  const etc = { type: 'none', o: 'bind', device: '/etc' };
  const volume = { name: 'etc', project: '', key: 'etc', driver: 'local', driverOpts: etc };
  const volumes = [{ ...volume, labels: {}, external: false }];
  for (const order of [
    { spec: privileged, volumes: [] },
    { spec, volumes },
  ]) {
    const refused = await t.throwsAsync(manager.call('container.create', order, ci));
    t.true(isForbidden(refused));
    t.regex(refused.message, /requests rights over its machine/u);
  }
});

test('a project policy opens both ways in for its own deployers, until it is reset', async (t) => {
  const manager = await start(t);
  const ci = await client(manager, 'ci', 'deploy');
  const docker = new DockerApi(t, manager.port, ci);
  const service = (project: string, source: string): ReturnType<typeof aServiceSpec> => {
    const spec = aServiceSpec('web', { project });
    const mount = { type: 'bind', target: '/d', readOnly: false, createHostPath: true } as const;
    const container = { ...spec.task.container, mounts: [{ ...mount, source }] };
    return { ...spec, task: { ...spec.task, container } };
  };
  const binds = (project: string, path: string): Promise<unknown> => {
    const services = [service(project, path)];
    return manager.call('project.apply', { ...anApply({ services }), project }, ci);
  };
  const create = async (path: string): Promise<string> => {
    const Labels = { 'com.docker.compose.project': 'shop' };
    const DriverOpts = { type: 'none', o: 'bind', device: path };
    const made = await docker.request('POST', '/volumes/create', {
      Name: 'data',
      DriverOpts,
      Labels,
    });
    const spec = { ...service('shop', path), name: 'shop_one', service: 'one' };
    const container = manager.call('container.create', { spec, volumes: [] }, ci);
    return `${made.status} ${await container.catch(messageOf)}`;
  };
  t.regex(
    (await t.throwsAsync(binds('shop', '/srv/shop'))).message,
    /^service web: volumes \/srv/u,
  );
  t.regex(
    await create('/srv/shop'),
    /^403 service one: .*project policy shop --allow-bind \/srv\/shop/u,
  );
  const allow = { bindPaths: ['/srv//shop/'] };
  t.true(
    isForbidden(
      await t.throwsAsync(manager.call('project.set-policy', { project: 'shop', allow }, ci)),
    ),
  );
  const { policy } = await manager.call('project.set-policy', { project: 'shop', allow });
  t.deepEqual(policy.bindPaths, ['/srv/shop']);
  const [seen, ...others] = await manager.call('project.settings', {}, ci);
  t.like(seen, { project: 'shop', policy });
  t.deepEqual(others, []);
  await t.notThrowsAsync(binds('shop', '/srv/shop/../shop/data'));
  await t.throwsAsync(binds('shop', '/srv/shop/../blog'), { message: /--allow-bind \/srv\/blog/u });
  await t.throwsAsync(binds('blog', '/srv/shop'), { message: /project policy blog --allow-bind/u });
  t.regex(await create('/srv/shop/data'), /^201 \w+$/u);
  const reset = await manager.call('project.set-policy', { project: 'shop', reset: true });
  t.deepEqual(reset.policy.bindPaths, []);
  t.deepEqual(await manager.call('project.settings', {}), []);
  await t.throwsAsync(binds('shop', '/srv/shop'), { message: /--allow-bind \/srv\/shop/u });
});

test('a removed client is refused at once and its open streams end, also forwarded ones', async (t) => {
  const manager = await start(t);
  const ci = await client(manager, 'ci', 'deploy', ['shop']);
  const direct = await manager.stream('watch', {}, { tls: ci });
  const { raw, serialNumber } = new X509Certificate(ci.cert);
  const behalf = {
    ...{ clusterId: 'c1', role: 'user', nodeId: 'ci', serial: serialNumber.toLowerCase() },
    fingerprint: certificateFingerprint(raw),
  };
  const forwarded = await manager.stream(
    'watch',
    {},
    {
      tls: await pki.node('manager', 'm1'),
      headers: { [forwardedPeerHeader]: JSON.stringify(behalf) },
    },
  );
  const owner = await manager.stream('watch', {});
  const iterators = [direct, forwarded].map((stream) => stream[Symbol.asyncIterator]());
  for (const iterator of iterators) t.regex(String((await iterator.next()).value), /snapshot/u);
  const ends = iterators.map(async (iterator) => {
    let last = '';
    try {
      for (;;) {
        const next = await iterator.next();
        if (next.done === true) return last;
        last = String(next.value);
      }
    } catch {
      return last;
    }
  });
  await manager.call('client.remove', { name: 'ci' });
  for (const end of await Promise.all(ends)) t.regex(end, /of client ci: was revoked/u);
  t.true(isForbidden(await t.throwsAsync(manager.call('info', {}, ci))));
  await client(manager, 'ci', 'admin');
  const again = await t.throwsAsync(manager.call('info', {}, ci));
  t.true(isForbidden(again), 'a new client of the same name does not revive the old certificate');
  const [first] = await Promise.all([owner[Symbol.asyncIterator]().next()]);
  t.regex(String(first.value), /snapshot/u, 'streams of others go on');
});

test('changed rights end open streams and apply to the next call', async (t) => {
  const manager = await start(t);
  const ci = await client(manager, 'ci', 'deploy', ['shop']);
  const stream = await manager.stream('watch', {}, { tls: ci });
  const ended = endOf(stream);
  await manager.call('client.update', { name: 'ci', role: 'read' });
  t.regex(await ended, /client ci: its rights have changed/u);
  t.true(isForbidden(await t.throwsAsync(manager.call('project.apply', apply('shop'), ci))));
});

test('a client renews its certificate; the one before stays valid, older ones do not', async (t) => {
  const manager = await start(t);
  const first = await client(manager, 'ci', 'deploy', ['shop']);
  const request = await createRequest(key, 'other');
  const renewal = await manager.call('client.renew-own', { request }, first);
  const second = { ...first, cert: renewal.chain };
  t.deepEqual(renewal.client.serials.length, 2);
  t.is((await manager.call('info', {}, second)).clusterId, 'c1');
  await manager.call('info', {}, first);
  await manager.call('client.renew-own', { request }, second);
  t.true(isForbidden(await t.throwsAsync(manager.call('info', {}, first))));
});

test('renewals whose answers are lost never displace the certificate in use', async (t) => {
  const manager = await start(t);
  const used = await client(manager, 'ci', 'deploy', ['shop']);
  const request = await createRequest(key, 'ignored');
  for (let lost = 0; lost < 3; lost += 1) {
    await manager.call('client.renew-own', { request }, used);
  }
  const { chain } = await manager.call('client.renew-own', { request }, used);
  await t.notThrowsAsync(manager.call('info', {}, used));
  await t.notThrowsAsync(manager.call('info', {}, { ...used, cert: chain }));
});

test('clients cannot create clients, name others in requests, or be admins of one project', async (t) => {
  const manager = await start(t);
  const ci = await client(manager, 'ci', 'deploy');
  const request = await createRequest(key, 'x');
  const order = { name: 'x', role: 'admin' as const, projects: [], lifetimeMs: 60_000, request };
  t.true(isForbidden(await t.throwsAsync(manager.call('client.create', order, ci))));
  const limited = await t.throwsAsync(
    manager.call('client.create', { ...order, projects: ['shop'] }),
  );
  t.true(isAppError(limited) && limited.kind === 'invalid');
  const twice = await t.throwsAsync(manager.call('client.create', { ...order, name: 'ci' }));
  t.true(isAppError(twice) && twice.kind === 'conflict');
  const forged = await t.throwsAsync(manager.call('client.remove', { name: 'nobody' }));
  t.true(isAppError(forged) && forged.kind === 'not-found');
});
