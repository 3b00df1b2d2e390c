import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../../manager/common/base/random.js';
import {
  createPrivateKey,
  createRequest,
  signRequest,
  validityFor,
} from '../../manager/common/pki/pki.js';
import type { TlsMaterial } from '../../manager/common/protocol/transport-tls.js';
import { ConsulClient } from '../../manager/store/consul/client.js';
import { consulTest, sharedConsul, startConsul } from '../helpers/consul/consul.js';
import { leaderOf, prepareManagers } from '../helpers/managers/manager-process.js';
import type { TestPki } from '../helpers/pki/pki.js';
import { createTestPki } from '../helpers/pki/pki.js';

/* A real Consul that requires TLS with client certificates, and a token. */

const masterToken = 'c0ffee00-0000-4000-8000-000000000000';
const pki = await createTestPki('c1');
const other = await createTestPki('c2');

async function server(of: TestPki, name: string, days: number): Promise<TlsMaterial> {
  const key = await createPrivateKey();
  const cert = await signRequest(of.root, {
    request: await createRequest(key, 'consul'),
    subject: { commonName: 'consul', organizationalUnit: 'consul', organization: 'test' },
    alternativeNames: [name],
    usage: 'peer',
    validity: validityFor(new Date(Date.now() - 3 * 86_400_000), 3 + days),
  });
  return { ca: of.ca, cert, key };
}

const shared = sharedConsul({ masterToken, tls: await server(pki, '127.0.0.1', 5) });

function clientAt(
  address: string,
  tls: { readonly ca: string; readonly cert?: string; readonly key?: string },
  token = masterToken,
): ConsulClient {
  const [host = '', port = ''] = address.split(':');
  return new ConsulClient({
    servers: [{ host, port: Number(port) }],
    prefix: 'shoal',
    token,
    tls,
  });
}

consulTest('every TLS mismatch with consul is reported with its cause', async (t) => {
  const [address = ''] = shared().tlsAddresses;
  const mine = await pki.client('ada');
  const good = clientAt(address, mine);
  await good.checkVersion();
  t.is(await good.get('nothing'), undefined);
  const refused = async (
    tls: Parameters<typeof clientAt>[1],
    message: RegExp,
    at = address,
  ): Promise<void> => {
    await t.throwsAsync(async () => clientAt(at, tls).get('nothing'), { message });
  };
  await refused({ ...mine, ca: other.ca }, /signed by unknown authority/);
  await refused({ ca: mine.ca }, /requires a client certificate signed by its CA/);
  await refused(
    await other.client('eve').then((eve) => ({ ...eve, ca: mine.ca })),
    /requires a client certificate/,
  );
  await refused(mine, /check that the port serves TLS/, shared().addresses[0]);
  await t.throwsAsync(async () => clientAt(address, mine, newId()).get('nothing'), {
    message: /permission denied/,
  });
});

for (const [problem, name, days, message] of [
  ['that has expired', '127.0.0.1', -1, /server certificate has expired/],
  ['for another address', '192.0.2.1', 5, /server certificate is for another name or address/],
] as const) {
  consulTest(`a consul with a certificate ${problem} is refused`, async (t) => {
    const servers = await startConsul({ tls: await server(pki, name, days) });
    t.teardown(() => servers.stop());
    const client = clientAt(servers.tlsAddresses[0] ?? '', await pki.client('ada'));
    await t.throwsAsync(async () => client.get('nothing'), { message });
  });
}

/** The rules that docs/reference/consul.md lists for a manager's token. */
const rules = `
key_prefix "shoal/NAME/" { policy = "write" }
session_prefix "" { policy = "write" }
service_prefix "" { policy = "write" }
node_prefix "" { policy = "write" }
agent_prefix "" { policy = "read" }
`;

consulTest('a manager runs over TLS with a token limited to the documented rules', async (t) => {
  const [plain = ''] = shared().addresses;
  const clusterName = newId();
  const ask = async (path: string, body: object): Promise<{ readonly SecretID: string }> => {
    const answer = await fetch(`http://${plain}/v1/acl/${path}`, {
      method: 'PUT',
      headers: { 'x-consul-token': masterToken },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as { readonly SecretID: string };
  };
  const policy = `shoal-${clusterName}`;
  await ask('policy', { Name: policy, Rules: rules.replace('NAME', clusterName) });
  const { SecretID: token } = await ask('token', { Policies: [{ Name: policy }] });
  const folder = await mkdtemp(join(tmpdir(), 'shoal-consul-tls-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const { ca, cert, key } = await pki.client('ada');
  const [manager] = await prepareManagers(t, ['m1'], {
    pki,
    discovery: `consul://${shared().tlsAddresses.join(',')}`,
    clusterName,
    consul: {
      tokenFile: await file('token', `${token}\n`),
      tls: {
        ca: await file('ca', ca),
        cert: await file('cert', cert),
        key: await file('key', key),
      },
    },
  });
  if (manager === undefined) throw new Error('no manager');
  manager.start();
  await leaderOf([manager]);
  await manager.call('secret.create', { name: 's1', labels: {}, data: '' });
  t.is((await manager.call('secret.list', {})).length, 1);
  t.is((await manager.call('manager.list', {})).length, 1);
  const client = clientAt(shared().tlsAddresses[0] ?? '', { ca, cert, key }, token);
  await t.throwsAsync(async () => client.transact([{ verb: 'delete', key: 'others/x' }]), {
    message: /permission denied/,
  });
  t.notRegex(manager.output, /"level":"(?:warn|error)"/);
});
