import { spawnSync } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { UserAuthority } from '../../cli/certificates/authority.js';
import { engineCredentials } from '../../cli/certificates/engine-credentials.js';
import { fetchEngineVersion } from '../../cli/inventory/engine-client.js';
import { MachineStore } from '../../cli/inventory/machine-store.js';
import { ProvisionContext } from '../../cli/machine/provision-context.js';
import { openLab } from '../../fixtures/lab/lab.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import {
  clusterAuthoritySubject,
  createPrivateKey,
  createRequest,
  signNode,
  signRequest,
  validityFor,
} from '../../manager/common/pki/pki.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import type { ProgramResult } from '../helpers/program/shoal-program.js';
import { ShoalProgram } from '../helpers/program/shoal-program.js';

const lab = openLab({ name: 'engport', subnet: '10.98.41' });

const engine = (): Machine => lab.machine('node-1');
let program: ShoalProgram;

/** All tests share the machine `web` and leave it as it was. */
test.before(async () => {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return;
  await lab.up(['node-1']);
  program = await ShoalProgram.create();
  const flags = ['--generic-ssh-key', engine().keyPath, '--generic-ip-address', engine().address];
  const created = await program.run(['machine', 'create', ...flags, 'web']);
  if (created.code !== 0) throw new Error(created.stderr + created.stdout);
});

test.after.always(async () => {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return;
  await program.remove();
  await lab.down();
});

machineTest('an engine refuses certificates of a cluster', async (t) => {
  const store = new MachineStore(program.home);
  const user: UserAuthority = await new ProvisionContext({ store, env: {} }).authority();
  const now = new Date();
  const clusterKey = await createPrivateKey();
  const cert = await signRequest(await user.unlock(), {
    request: await createRequest(clusterKey, 'c'),
    subject: clusterAuthoritySubject('c1'),
    alternativeNames: [],
    usage: 'cluster-authority',
    validity: validityFor(now, 10),
  });
  const key = await createPrivateKey();
  const worker = await signNode(
    { cert, key: clusterKey },
    {
      request: await createRequest(key, 'w'),
      identity: { clusterId: 'c1', role: 'worker', nodeId: 'w' },
      alternativeNames: [],
      validity: validityFor(now, 10),
    },
  );
  const endpoint = { host: engine().address, port: 2376 };
  await t.throwsAsync(fetchEngineVersion(endpoint, { ca: user.cert, cert: worker, key }, 5000));
  const owner = await new ProvisionContext({ store, env: {} }).credentials();
  await t.throwsAsync(fetchEngineVersion(endpoint, owner, 5000));
  const own = await engineCredentials(store, await store.load('web'), new Date());
  await t.notThrowsAsync(fetchEngineVersion(endpoint, own, 5000));
});

machineTest(
  'a copied engine certificate is refused once the CA of engines is replaced',
  async (t) => {
    const { stdout: env } = await program.run(['machine', 'env', '--shell', 'sh', 'web']);
    const docker = (setup: string): ProgramResult => {
      const { status, stdout, stderr } = spawnSync('sh', ['-c', `${setup}\ndocker ps`], {
        encoding: 'utf8',
      });
      return { code: status ?? 1, stdout, stderr };
    };
    const copy = join(program.home, 'copy');
    await cp(new MachineStore(program.home).machineFolder('web'), copy, {
      recursive: true,
      dereference: true,
    });
    const stolen = `${env}\nexport DOCKER_CERT_PATH=${copy}`;
    t.is(docker(stolen).code, 0);
    const rotated = await program.run(['ca', 'rotate', '--engines']);
    t.is(rotated.code, 0, rotated.stderr);
    t.regex(docker(stolen).stderr, /bad certificate/u);
    // The same shell works again after "machine env", which renews the certificate.
    t.is((await program.run(['machine', 'env', 'web'])).code, 0);
    t.is(docker(env).code, 0);

    await engine().kill();
    const incomplete = await program.run(['ca', 'rotate', '--engines']);
    t.is(incomplete.code, 1);
    t.regex(incomplete.stderr, /engine on web still accepts .* run "shoal machine provision web"/u);
    await engine().boot();
    await engine().ready();
    t.regex((await program.run(['machine', 'env', 'web'])).stderr, /shoal machine provision web/u);
    const found = await program.run(['doctor', 'web']);
    t.regex(found.stdout, /web: the engine accepts certificates of an earlier CA/u);
    t.is((await program.run(['machine', 'provision', 'web'])).code, 0);
    t.is((await program.run(['machine', 'env', 'web'])).code, 0);
  },
);

machineTest('an engine without a port is managed over ssh alone', async (t) => {
  const listens = async (): Promise<string> =>
    (await engine().exec(['ss', '-Hltn', 'sport = :2376'])).stdout.trim();
  const closed = await program.run(['machine', 'provision', '--no-engine-port', 'web']);
  t.is(closed.code, 0, closed.stderr);
  t.is(await listens(), '');
  t.is((await engine().exec(['ls', '/etc/shoal/engine'])).stdout, '');
  const env = await program.run(['machine', 'env', 'web']);
  t.is(env.code, 1);
  t.regex(
    env.stderr,
    /^shoal: machine "web": the port of its engine is closed; use "shoal machine/u,
  );
  t.is(env.stderr.trim().split('\n').length, 1);
  const listed = await program.run(['machine', 'ls', '--format', '{{.State}}|{{.URL}}|{{.Error}}']);
  t.is(listed.stdout, 'Running||\n');
  t.notRegex((await program.run(['doctor', 'web'])).stdout, /web: .*(?:port|earlier CA)/u);
  const again = await program.run(['machine', 'provision', 'web']);
  t.is(again.code, 0, again.stderr);
  t.notRegex(again.stdout, /writing|restarting the engine/u);

  const opened = await program.run(['machine', 'provision', '--engine-port', 'web']);
  t.is(opened.code, 0, opened.stderr);
  t.not(await listens(), '');
  t.is((await program.run(['machine', 'env', 'web'])).code, 0);
});
