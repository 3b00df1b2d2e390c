import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { MachineStore } from '../../../cli/inventory/machine-store.js';
import type { MachineRecord } from '../../../cli/inventory/machine-record.js';
import { pinHostKeys } from '../../../cli/machine/pin-host-keys.js';
import { ProvisionContext } from '../../../cli/machine/provision-context.js';
import { startSshServer } from '../../helpers/program/ssh-server.js';
import { messageOf } from '../../../manager/common/base/errors.js';

/* A real sshd with a host key of its own, and known_hosts as ssh-keygen writes it. */

const run = promisify(execFile);

interface Server {
  readonly home: string;
  readonly record: MachineRecord;
  /** Public key, `type blob`. */
  readonly publicKey: string;
  readonly print: string;
  readonly name: string;
}

async function startServer(t: ExecutionContext): Promise<Server> {
  const { home, port, publicKey, print } = await startSshServer(t);
  const record = {
    Name: 'm1',
    Driver: {
      IPAddress: '127.0.0.1',
      SSHPort: port,
      SSHUser: 'root',
      SSHKeyPath: '',
      SSHHostKey: '',
    },
  } as MachineRecord;
  return { home, record, publicKey, print, name: `[127.0.0.1]:${String(port)}` };
}

interface Contact {
  readonly pinned: string | undefined;
  readonly failure: string | undefined;
  readonly said: string;
  readonly questions: readonly string[];
}

async function contact(
  { home, record }: Server,
  flags: Parameters<typeof pinHostKeys>[2],
  answer?: boolean,
): Promise<Contact> {
  const said: string[] = [];
  const questions: string[] = [];
  const context = new ProvisionContext({ store: new MachineStore(home), env: {} });
  process.env.HOME = home;
  const { pinned, failures } = await pinHostKeys(context, [record], flags, {
    isTerminal: answer !== undefined,
    confirm: (question) => {
      questions.push(question);
      return Promise.resolve(answer === true);
    },
    say: (line) => said.push(line),
  });
  return {
    pinned: pinned[0]?.Driver.SSHHostKey,
    failure: failures.length === 0 ? undefined : messageOf(failures[0]),
    said: said.join('\n'),
    questions,
  };
}

test.serial('an unknown host key is shown, and asked for on a terminal', async (t) => {
  const server = await startServer(t);
  const piped = await contact(server, {});
  t.is(piped.pinned, server.print);
  t.true(piped.said.includes(server.print), 'the fingerprint is shown');
  const yes = await contact(server, {}, true);
  t.is(yes.pinned, server.print);
  t.is(yes.questions.length, 1);
  t.true(yes.questions[0]?.includes(server.print));
  const no = await contact(server, {}, false);
  t.is(no.pinned, undefined);
  t.regex(no.failure ?? '', /was not confirmed/u);
  const strict = await contact(server, { genericSshStrictHostKeyChecking: 'yes' });
  t.regex(strict.failure ?? '', /is unknown/u);
  const asked = await contact(server, { genericSshStrictHostKeyChecking: 'ask' });
  t.regex(asked.failure ?? '', /was not confirmed/u, 'nobody answers without a terminal');
});

test.serial('hashed known_hosts are read, and another key there is refused', async (t) => {
  const server = await startServer(t);
  const path = join(server.home, '.ssh', 'known_hosts');
  const strict = { genericSshStrictHostKeyChecking: 'yes' };
  await writeFile(path, `${server.name} ${server.publicKey}\n`);
  await run('ssh-keygen', ['-q', '-H', '-f', path]);
  t.true((await readFile(path, 'utf8')).startsWith('|1|'));
  t.is((await contact(server, strict)).pinned, server.print);
  const stranger = await startServer(t);
  await writeFile(path, `${server.name} ${stranger.publicKey}\n`);
  await run('ssh-keygen', ['-q', '-H', '-f', path]);
  const changed = await contact(server, { genericSshStrictHostKeyChecking: 'accept-new' });
  t.is(changed.pinned, undefined);
  t.regex(changed.failure ?? '', /differs from known_hosts/u);
  const given = await contact(server, { ...strict, genericSshHostKey: [server.publicKey] });
  t.is(given.pinned, server.print);
  await writeFile(path, `@revoked * ${server.publicKey}\n`);
  t.regex((await contact(server, {})).failure ?? '', /is revoked/u);
});

test.serial('a machine that does not answer is a failure, not a trusted one', async (t) => {
  const server = await startServer(t);
  const sshConfig = { hostname: '127.0.0.1', port: 22, user: 'root', knownHostsFiles: [] };
  const context = {
    offeredHostKey: () => Promise.reject(new Error('no route')),
    sshConfig: () =>
      Promise.resolve({ ...sshConfig, strictHostKeyChecking: 'ask', serverAliveIntervalS: 0 }),
  };
  const said: string[] = [];
  const { pinned, failures } = await pinHostKeys(
    context,
    [server.record],
    {},
    {
      isTerminal: false,
      confirm: () => Promise.resolve(true),
      say: (line) => said.push(line),
    },
  );
  t.deepEqual(pinned, []);
  t.deepEqual(failures.map(messageOf), ['no route']);
});
