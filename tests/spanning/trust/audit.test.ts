import { X509Certificate } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import type { ClientRole } from '../../../manager/common/model/trust/client.js';
import { certificateFingerprint } from '../../../manager/common/pki/pki-peer.js';
import { createPrivateKey, createRequest } from '../../../manager/common/pki/pki.js';
import type { AuditEntry, ControlStreamName } from '../../../manager/common/protocol/control.js';
import { forwardedPeerHeader } from '../../../manager/common/protocol/messages.js';
import type { TlsMaterial } from '../../../manager/common/protocol/transport-tls.js';
import { routes } from '../../../manager/gateway/router.js';
import { DockerApi } from '../../helpers/managers/docker-api.js';
import { anApply } from '../../helpers/managers/project-apply.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import { temporaryFolder, writeManager } from '../../helpers/pki/pki-folder.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { until } from '../../helpers/until.js';

let pki: TestPki;
let key: string;

test.before(async () => {
  pki = await createManagerPki();
  key = await createPrivateKey();
});

async function start(t: ExecutionContext): Promise<TestManager> {
  const pkiPaths = await writeManager(await temporaryFolder(t), pki, 600_000);
  const manager = await TestManager.start(t, { pki, pkiPaths });
  const services = [aServiceSpec('web', { project: 'shop' })];
  await manager.call('project.apply', { ...anApply({ services }), project: 'shop' });
  return manager;
}

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

function serialOf({ cert }: TlsMaterial): string {
  return new X509Certificate(cert).serialNumber.toLowerCase();
}

/** The entries of a client once there are as many as expected. */
async function entriesOf(
  manager: TestManager,
  name: string,
  expected: number,
): Promise<readonly AuditEntry[]> {
  let entries: readonly AuditEntry[] = [];
  await until(`${expected} entries of ${name}`, 10_000, async () => {
    entries = await manager.call('audit.list', { client: name });
    return entries.length >= expected;
  });
  return entries;
}

/** Opens a stream and waits until the manager ends it. */
async function runStream(
  manager: TestManager,
  name: ControlStreamName,
  args: object,
  tls: TlsMaterial,
): Promise<void> {
  const stream = await manager.stream(name, args, { tls });
  try {
    for await (const message of stream) if (String(message).includes('"error"')) break;
  } catch {
    // Closed with a code.
  }
  stream.close();
}

test('an entry has client, serial, address, call, object and result', async (t) => {
  const manager = await start(t);
  const ci = await client(manager, 'ci', 'deploy', ['shop']);
  const owner = (await manager.call('audit.list', {})).find(
    ({ action }) => action === 'project.apply',
  );
  t.like(owner, { result: 'ok', from: '127.0.0.1', changes: ['created service shop_web'] });
  t.regex(owner?.serial ?? '', /^[0-9a-f]+$/u);
  await manager.call('service.scale', { project: 'shop', replicas: { web: 2 } }, ci);
  await t.throwsAsync(manager.call('service.scale', { project: 'blog', replicas: {} }, ci));
  const [scaled, refused] = await entriesOf(manager, 'ci', 2);
  const who = { who: 'ci', role: 'client', serial: serialOf(ci), from: '127.0.0.1' };
  t.like(scaled, { ...who, action: 'service.scale', result: 'ok' });
  t.like(refused, {
    ...who,
    ...{ action: 'service.scale', result: 'forbidden' },
    changes: ['project blog'],
  });
});

test('reads that reveal data are recorded before they start, with their failure', async (t) => {
  const manager = await start(t);
  const ci = await client(manager, 'ci', 'deploy');
  const task = { project: 'shop', service: 'web' };
  await runStream(manager, 'copy-out', { ...task, path: '/etc' }, ci);
  await runStream(manager, 'export', task, ci);
  await runStream(manager, 'exec', { ...task, options: { command: ['env'] } }, ci);
  const options = { follow: false };
  await runStream(manager, 'logs', { project: 'shop', services: ['web'], options }, ci);
  await runStream(manager, 'backup', {}, ci);
  const entries = await entriesOf(manager, 'ci', 8);
  const seen = entries.map(({ action, result }) => `${action} ${result}`);
  for (const name of ['copy-out', 'export', 'exec', 'logs'])
    t.true(seen.includes(`${name} started`));
  t.true(seen.includes('backup forbidden'));
  t.false(seen.includes('backup started'));
  // No worker runs the task.
  t.true(seen.some((line) => /^copy-out (?!started)/u.test(line)));
  t.is(entries[0]?.changes[0], 'project shop, service web, path /etc');
});

test('routes of the Docker API are recorded: reads of data, failures and refusals', async (t) => {
  t.deepEqual(
    routes.filter(({ reveals }) => reveals).map(({ pattern }) => pattern.source),
    [
      '^\\/containers\\/(.+)\\/archive$',
      '^\\/containers\\/(.+)\\/export$',
      '^\\/containers\\/(.+)\\/logs$',
      '^\\/images\\/get$',
      '^\\/images\\/(.+)\\/get$',
      '^\\/services\\/([^/]+)\\/logs$',
      '^\\/tasks\\/([^/]+)\\/logs$',
    ],
  );
  const manager = await start(t);
  const viewer = await client(manager, 'viewer', 'read');
  const docker = new DockerApi(t, manager.port, viewer);
  await docker.request('GET', '/containers/json');
  await docker.request('GET', '/v1.44/containers/web/export?secret=1');
  await docker.request('GET', '/containers/none/logs?stdout=1');
  await docker.request('POST', '/containers/web/exec');
  const entries = await entriesOf(manager, 'viewer', 3);
  t.deepEqual(
    entries.map(({ action, result }) => [action, result]),
    [
      ['GET /containers/web/export', 'forbidden'],
      ['GET /containers/none/logs', 'not-found'],
      ['POST /containers/web/exec', 'forbidden'],
    ],
  );
  t.like(entries[0], { serial: serialOf(viewer), from: '127.0.0.1' });
});

test('a forwarded request is recorded with its original address and the manager', async (t) => {
  const manager = await start(t);
  const ci = await client(manager, 'ci', 'deploy', ['shop']);
  const behalf = {
    ...{ clusterId: 'c1', role: 'user', nodeId: 'ci', serial: serialOf(ci), address: '192.0.2.7' },
    fingerprint: certificateFingerprint(new X509Certificate(ci.cert).raw),
  };
  const headers = { [forwardedPeerHeader]: JSON.stringify(behalf) };
  const stream = await manager.stream(
    'backup',
    {},
    { tls: await pki.node('manager', 'm1'), headers },
  );
  for await (const message of stream) t.regex(String(message), /forbidden/u);
  const [entry] = await entriesOf(manager, 'ci', 1);
  t.like(entry, { from: '192.0.2.7', via: 'm1', serial: serialOf(ci), result: 'forbidden' });
});

test('only admins follow the log; new entries arrive as they are recorded', async (t) => {
  const manager = await start(t);
  const ci = await client(manager, 'ci', 'deploy');
  const stream = await manager.stream('audit', { client: 'ci', sinceMs: 0 }, {});
  const messages = stream[Symbol.asyncIterator]();
  await t.throwsAsync(manager.call('client.list', {}, ci));
  const next = await messages.next();
  t.like(JSON.parse(String(next.value)), { who: 'ci', action: 'client.list', result: 'forbidden' });
  stream.close();
  const refused = await manager.stream('audit', {}, { tls: ci });
  for await (const message of refused)
    t.regex(String(message), /audit: client ci has role deploy/u);
});
