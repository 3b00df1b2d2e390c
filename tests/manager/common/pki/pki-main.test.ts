import { execFile } from 'node:child_process';
import { createPrivateKey as readKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { certificatesOf } from '../../../../manager/common/pki/pki-peer.js';
import { decodePkiOrder, runPkiOrder } from '../../../../manager/common/pki/pki-main.js';
import { createTestPki } from '../../../helpers/pki/pki.js';
import { temporaryFolder } from '../../../helpers/pki/pki-folder.js';

test('an order for requests is decoded', (t) => {
  const order = { op: 'requests', keys: [{ keyPath: '/k', commonName: 'n1' }] } as const;
  t.deepEqual(decodePkiOrder(JSON.stringify(order)), order);
});

test('an order to sign is decoded', (t) => {
  const identity = { clusterId: 'c1', role: 'worker', nodeId: 'n1' } as const;
  const node = { request: 'PEM', identity, alternativeNames: ['n1'], days: 30 };
  const order = {
    op: 'sign',
    authority: { certPath: '/c', keyPath: '/k' },
    nodes: [node],
  } as const;
  t.deepEqual(decodePkiOrder(JSON.stringify(order)), order);
});

for (const [title, json, message] of [
  ['no JSON', '', 'pki: order: invalid JSON'],
  ['an unknown operation', '{"op":"revoke"}', 'pki: order: op must be one of requests, sign'],
  [
    'a request without a path',
    '{"op":"requests","keys":[{"commonName":"n1"}]}',
    'pki: order: keys[0].keyPath must be a string',
  ],
  [
    'an unknown role',
    '{"op":"sign","authority":{"certPath":"/c","keyPath":"/k"},"nodes":[{"request":"","identity":{"clusterId":"","role":"root","nodeId":""},"alternativeNames":[],"days":1}]}',
    'pki: order: nodes[0].identity.role must be one of worker, manager, client',
  ],
] as const) {
  test(`an order with ${title} is rejected`, (t) => {
    t.is(t.throws(() => decodePkiOrder(json)).message, message);
  });
}

test('keys are generated once, readable by their owner, and stay on the machine', async (t) => {
  const folder = join(await temporaryFolder(t), 'pki');
  const keys = ['a', 'b'].map((name) => ({ keyPath: join(folder, name), commonName: name }));
  const first = await runPkiOrder({ op: 'requests', keys }, new Date());
  t.is(first.pems.length, 2);
  t.true(first.pems.every((pem) => pem.startsWith('-----BEGIN CERTIFICATE REQUEST-----')));
  const texts = await Promise.all(keys.map(({ keyPath }) => readFile(keyPath, 'utf8')));
  t.not(texts[0], texts[1]);
  t.deepEqual((await readdir(folder)).sort(), ['a', 'b']);
  t.is((await stat(folder)).mode & 0o777, 0o700);
  for (const { keyPath } of keys) t.is((await stat(keyPath)).mode & 0o777, 0o600);
  await runPkiOrder({ op: 'requests', keys }, new Date());
  t.deepEqual(await Promise.all(keys.map(({ keyPath }) => readFile(keyPath, 'utf8'))), texts);
});

test('a key file that cannot be read is not replaced', async (t) => {
  const folder = await temporaryFolder(t);
  const keyPath = join(folder, 'key');
  await mkdir(keyPath);
  const order = { op: 'requests', keys: [{ keyPath, commonName: 'a' }] } as const;
  await t.throwsAsync(runPkiOrder(order, new Date()), { code: 'EISDIR' });
});

test('requests are signed in their order, for the ordered days and names', async (t) => {
  const folder = await temporaryFolder(t);
  const pki = await createTestPki('c1');
  const [certPath, keyPath, ownKey] = ['ca', 'ca-key', 'own'].map((name) => join(folder, name));
  if (certPath === undefined || keyPath === undefined || ownKey === undefined) throw new Error();
  await writeFile(certPath, pki.authority.cert);
  await writeFile(keyPath, pki.authority.key);
  const keys = [{ keyPath: ownKey, commonName: 'x' }];
  const [request = ''] = (await runPkiOrder({ op: 'requests', keys }, new Date())).pems;
  const now = new Date(Math.floor(Date.now() / 1000) * 1000);
  const nodes = ['n1', 'n2'].map((nodeId) => ({
    request,
    identity: { clusterId: 'c1', role: 'manager', nodeId } as const,
    alternativeNames: [`${nodeId}.example`],
    days: 2,
  }));
  const order = { op: 'sign', authority: { certPath, keyPath }, nodes } as const;
  const leaves = (await runPkiOrder(order, now)).pems.map((pem) => certificatesOf(pem)[0]);
  t.deepEqual(
    leaves.map((leaf) => leaf?.subjectAltName),
    ['DNS:n1.example', 'DNS:n2.example'],
  );
  const [leaf = new X509Certificate('')] = leaves;
  t.is(Date.parse(leaf.validTo), now.getTime() + 2 * 86_400_000);
  t.true(leaf.checkPrivateKey(readKey(await readFile(ownKey, 'utf8'))));
});

/** Runs the program through a symbolic link, as on a machine, with this text on standard input. */
async function runLinked(
  folder: string,
  input: string,
): Promise<{ readonly code: number; readonly out: string; readonly error: string }> {
  const link = join(folder, 'program.js');
  const program = new URL('../../../../manager/common/pki/pki-main.js', import.meta.url);
  await symlink(fileURLToPath(program), link);
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [link], (failure, out, error) => {
      resolve({ code: failure === null ? 0 : Number(failure.code), out, error });
    });
    child.stdin?.end(input);
  });
}

test('the program answers an order, and a bad one with one line', async (t) => {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o700);
  const keys = [{ keyPath: join(folder, 'key'), commonName: 'a' }];
  const good = await runLinked(folder, JSON.stringify({ op: 'requests', keys }));
  t.deepEqual([good.code, good.error], [0, '']);
  t.is((JSON.parse(good.out) as { pems: readonly string[] }).pems.length, 1);
  const bad = await runLinked(await temporaryFolder(t), '{');
  t.deepEqual([bad.code, bad.out], [1, '']);
  t.regex(bad.error, /^pki: order: invalid JSON[^\n]*\n$/);
});
