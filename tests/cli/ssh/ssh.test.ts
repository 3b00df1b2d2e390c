import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createConnection, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { readHostKey, SshSession } from '../../../cli/ssh/ssh.js';
import type { SshConnectOptions, SshTarget } from '../../../cli/ssh/target.js';
import { programQuestioner, SshPrompts } from '../../../cli/ssh/transport/prompts.js';
import { until } from '../../helpers/until.js';
import {
  answeringProgram,
  makeKey,
  startAgent,
  startSshServer,
  startSshServerWithKey,
} from '../../helpers/program/ssh-server.js';

/* A real sshd, a real agent and the installed ssh. */

const run = promisify(execFile);
const user = userInfo().username;

interface Attempt {
  readonly target?: Partial<SshTarget>;
  readonly env?: NodeJS.ProcessEnv;
}

function targetOf(port: number, more: Partial<SshTarget> = {}): SshTarget {
  return { name: 'web', host: '127.0.0.1', port, user, ...more };
}

/** Connects with an empty home folder, so that nothing of the test's user is read. */
async function connect(
  t: ExecutionContext,
  server: { readonly home: string; readonly port: number },
  { target, env = {} }: Attempt = {},
): Promise<SshSession> {
  const own = { HOME: server.home, SHOAL_SSH_CONFIG: join(server.home, 'config'), ...env };
  await writeFile(join(server.home, 'config'), '', { flag: 'a' });
  const prompts = new SshPrompts(programQuestioner(own));
  t.teardown(() => {
    prompts.close();
  });
  const options: SshConnectOptions = { timeoutMs: 10_000, env: own, prompts };
  const session = await SshSession.connect(targetOf(server.port, target), options);
  t.teardown(() => {
    session.close();
  });
  return session;
}

test.serial('a named key is offered alone, although the agent has ten others', async (t) => {
  const server = await startSshServerWithKey(t, ['MaxAuthTries=3']);
  const names = Array.from({ length: 10 }, (_, index) => join(server.home, `other-${index}`));
  const others = await Promise.all(names.map((path) => makeKey(path)));
  const { socket } = await startAgent(t, [...others, server.keyPath]);
  const env = { SSH_AUTH_SOCK: socket };
  const { message } = await t.throwsAsync<Error>(connect(t, server, { env }));
  t.regex(message, /^web: \S+@127\.0\.0\.1:\d+ refused the login: too many keys were offered; /u);
  t.regex(message, /--generic-ssh-key.*IdentitiesOnly/u);
  for (const keyPath of [server.keyPath, `${server.keyPath}.pub`]) {
    const session = await connect(t, server, { target: { keyPath }, env });
    t.is(session.hostKey, server.print);
  }
});

test.serial('an empty agent does not hide the default key', async (t) => {
  const server = await startSshServerWithKey(t);
  await run('cp', [server.keyPath, join(server.home, '.ssh', 'id_ed25519')]);
  const { socket } = await startAgent(t, []);
  await t.notThrowsAsync(connect(t, server, { env: { SSH_AUTH_SOCK: socket } }));
});

test.serial('an agent that is gone is named', async (t) => {
  const server = await startSshServerWithKey(t);
  const agent = await startAgent(t, [server.keyPath]);
  const env = { SSH_AUTH_SOCK: agent.socket };
  const session = await connect(t, server, { env });
  await agent.end();
  t.is((await session.exec(['echo', 'still'])).stdout, 'still\n');
  await t.throwsAsync(connect(t, server, { env }), {
    message: /refused the ssh key .*the ssh agent at \S+ \(SSH_AUTH_SOCK\) does not answer/u,
  });
});

test.serial(
  'the passphrase of a key is asked for once for all machines of a command',
  async (t) => {
    const server = await startSshServer(t, []);
    const keyPath = join(server.home, 'locked');
    await makeKey(keyPath, ['-N', 'secret']);
    const open = await startSshServer(t, [`AuthorizedKeysFile=${keyPath}.pub`]);
    const askpass = await answeringProgram(join(open.home, 'ask'), 'secret');
    const env = { HOME: open.home, SSH_ASKPASS: askpass };
    const prompts = new SshPrompts(programQuestioner(env));
    t.teardown(() => {
      prompts.close();
    });
    const target = targetOf(open.port, { keyPath });
    const sessions = await Promise.all(
      ['one', 'two', 'three'].map((name) =>
        SshSession.connect({ ...target, name }, { timeoutMs: 10_000, env, prompts }),
      ),
    );
    for (const session of sessions) session.close();
    t.is((await readFile(`${askpass}.asked`, 'utf8')).trim().split('\n').length, 1);
    await t.throwsAsync(connect(t, open, { target: { keyPath } }), {
      message: `ssh key ${keyPath} has a passphrase; add it to an ssh agent and set SSH_AUTH_SOCK`,
    });
    const wrong = await answeringProgram(join(open.home, 'wrong'), 'not it');
    await t.throwsAsync(connect(t, open, { target: { keyPath }, env: { SSH_ASKPASS: wrong } }), {
      message: `web: the passphrase of ssh key ${keyPath} was wrong three times; try again`,
    });
    t.is((await readFile(`${wrong}.asked`, 'utf8')).trim().split('\n').length, 3);
  },
);

test.serial('a certificate beside the key logs in', async (t) => {
  const server = await startSshServer(t);
  const authority = await makeKey(join(server.home, 'ca'));
  const keyPath = await makeKey(join(server.home, 'user-key'));
  const trusting = await startSshServer(t, [`TrustedUserCAKeys=${authority}.pub`]);
  await t.throwsAsync(connect(t, trusting, { target: { keyPath } }), {
    message: /refused the ssh key/u,
  });
  await run('ssh-keygen', ['-q', '-s', authority, '-I', 'me', '-n', user, `${keyPath}.pub`]);
  await t.notThrowsAsync(connect(t, trusting, { target: { keyPath } }));
});

test.serial('a Host of the configuration is reached over two jump hosts', async (t) => {
  const server = await startSshServerWithKey(t);
  const key = `  User ${user}\n  IdentityFile ${server.keyPath}\n  UserKnownHostsFile ${server.home}/known_hosts`;
  const host = (name: string, more: string): string =>
    `Host ${name}\n  HostName 127.0.0.1\n  Port ${server.port}\n${key}\n  ${more}\n`;
  const config = join(server.home, 'config');
  const text = `${host('alpha', '')}${host('beta', 'ProxyJump alpha')}${host('gamma', 'ProxyJump beta')}`;
  await writeFile(config, text);
  const target = { host: 'gamma', port: server.port };
  await t.throwsAsync(connect(t, server, { target }), {
    message:
      'web: host key of a jump host (alpha, beta) is not confirmed; log in once with "ssh beta" and confirm it',
  });
  const askpass = await answeringProgram(join(server.home, 'ask'), 'yes');
  const session = await connect(t, server, { target, env: { SSH_ASKPASS: askpass } });
  t.is((await session.exec(['echo', 'there'])).stdout, 'there\n');
  t.is(session.hostKey, server.print);
  const known = join(server.home, 'known_hosts');
  const stranger = await startSshServer(t);
  await writeFile(known, `[127.0.0.1]:${server.port} ${stranger.publicKey}\n`);
  await t.throwsAsync(connect(t, server, { target }), {
    message: `web: host key of the jump host [127.0.0.1]:${server.port} changed; if it was reinstalled, remove the old key with "ssh-keygen -R '[127.0.0.1]:${server.port}'"`,
  });
  await writeFile(config, text.replace(`Port ${server.port}`, 'Port 1'));
  await t.throwsAsync(connect(t, server, { target }), {
    message:
      'web: jump host alpha (127.0.0.1:1) cannot be reached by ssh: connection refused; check that it runs',
  });
});

test.serial(
  'a loop of jump hosts is refused before ssh starts one process after the other',
  async (t) => {
    const server = await startSshServerWithKey(t);
    const config =
      'Host alpha\n  ProxyJump beta\nHost beta\n  ProxyJump gamma\nHost gamma\n  ProxyJump alpha\n';
    await writeFile(join(server.home, 'config'), config);
    await t.throwsAsync(connect(t, server, { target: { host: 'alpha' } }), {
      message:
        'web: ProxyJump loops: alpha -> beta -> gamma -> alpha; correct the jump hosts in the ssh configuration',
    });
  },
);

test.serial('a server that gains a kind of host key is still the pinned one', async (t) => {
  const rsa = await startSshServerWithKey(t);
  const more = await makeKey(join(rsa.home, 'ecdsa'), ['-t', 'ecdsa']);
  const both = await startSshServer(t, [
    `HostKey=${more}`,
    `AuthorizedKeysFile=${rsa.keyPath}.pub`,
  ]);
  const { stdout } = await run('ssh-keygen', ['-l', '-f', more]);
  const hostKey = /SHA256:\S+/u.exec(stdout)?.[0] ?? '';
  const target = { keyPath: rsa.keyPath, hostKey };
  t.is((await connect(t, both, { target })).hostKey, hostKey);
  const offered = await readHostKey(targetOf(both.port), { timeoutMs: 5_000 }, [
    'ecdsa-sha2-nistp256',
  ]);
  t.is(offered.type, 'ecdsa-sha2-nistp256');
  await t.throwsAsync(connect(t, rsa, { target }), {
    message: new RegExp(
      `^web: host key of 127\\.0\\.0\\.1 changed from ${hostKey.replaceAll('+', '\\+')} to SHA256:`,
      'u',
    ),
  });
  const pinned = { ...target, publicHostKey: (await readFile(`${more}.pub`, 'utf8')).trim() };
  await t.throwsAsync(connect(t, rsa, { target: pinned }), {
    message: /^web: host key of 127\.0\.0\.1 changed from SHA256:\S+ to /u,
  });
});

test.serial("a forced command's message is shown with the flag that helps", async (t) => {
  const message = 'Please login as the user "ubuntu" rather than the user "root".';
  const server = await startSshServerWithKey(t, [`ForceCommand=echo '${message}'`]);
  const session = await connect(t, server, { target: { keyPath: server.keyPath } });
  await t.throwsAsync(session.exec(['true']), {
    message: `web: ${user}@127.0.0.1 ran another command and printed "${message}"; log in as a user with a shell, with --generic-ssh-user`,
  });
});

test.serial('noise of the login shell is not part of the output', async (t) => {
  const server = await startSshServerWithKey(t, [`SetEnv=BASH_ENV=${join('/tmp', 'none')}`]);
  const noisy = join(server.home, 'shell');
  await writeFile(
    noisy,
    '#!/bin/sh\necho Welcome\necho "today: rain" >&2\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n',
  );
  await chmod(noisy, 0o700);
  const loud = await startSshServer(t, [
    `ForceCommand=${noisy}`,
    `AuthorizedKeysFile=${server.keyPath}.pub`,
  ]);
  const session = await connect(t, loud, { target: { keyPath: server.keyPath } });
  t.like(await session.exec(['sh', '-c', 'cat; exit 3'], { stdin: 'in\n' }), {
    code: 3,
    stdout: 'in\n',
  });
});

test.serial('a tunnel carries connections to a port of the machine', async (t) => {
  const server = await startSshServerWithKey(t);
  const echo = createServer((socket) => socket.pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  t.teardown(() => echo.close());
  const session = await connect(t, server, { target: { keyPath: server.keyPath } });
  const tunnel = await session.tunnel((echo.address() as AddressInfo).port);
  t.teardown(() => {
    tunnel.close();
  });
  const texts = await Promise.all(
    ['one', 'two'].map(async (sent) => {
      const socket = createConnection(tunnel.port, '127.0.0.1');
      socket.end(sent);
      return text(socket);
    }),
  );
  t.deepEqual(texts, ['one', 'two']);
});

test.serial('a limit of sessions on the machine does not fail commands', async (t) => {
  const server = await startSshServerWithKey(t, ['MaxSessions=1']);
  const session = await connect(t, server, { target: { keyPath: server.keyPath } });
  const ends = await Promise.all(['1', '2', '3'].map((text) => session.exec(['echo', text])));
  t.deepEqual(
    ends.map(({ stdout }) => stdout),
    ['1\n', '2\n', '3\n'],
  );
});

test.serial('a command that does not read its input ends with its own result', async (t) => {
  const server = await startSshServerWithKey(t);
  const session = await connect(t, server, { target: { keyPath: server.keyPath } });
  const stdin = Buffer.alloc(16 * 1024 * 1024);
  t.is((await session.exec(['sh', '-c', 'exec <&-; exit 4'], { stdin })).code, 4);
  const broken = new Readable({ read: () => broken.destroy(new Error('no such disk')) });
  await t.throwsAsync(session.exec(['cat'], { stdin: broken }), { message: 'no such disk' });
});

test.serial('a deadline, an interrupt and a lost connection are told apart', async (t) => {
  const server = await startSshServerWithKey(t);
  const session = await connect(t, server, { target: { keyPath: server.keyPath } });
  await t.throwsAsync(session.exec(['sleep', '60'], { timeoutMs: 300 }), {
    message: 'web: "sleep 60" did not finish within 0.3 s',
  });
  const stop = new AbortController();
  const stopped = session.exec(['sleep', '60'], { signal: stop.signal });
  stop.abort(new Error('interrupted'));
  await t.throwsAsync(stopped, { message: 'interrupted' });
  t.is((await session.exec(['sh', '-c', 'exit 255'])).code, 255);
  t.false(session.isLost);
  const path = /"(.+)"/u.exec(session.configLines()[0] ?? '')?.[1] ?? '';
  const { stderr } = await run('ssh', ['-S', path, '-O', 'check', 'web']);
  let running: Promise<unknown> = Promise.resolve();
  await new Promise<void>((resolve) => {
    const onOutput = (): void => {
      resolve();
    };
    running = session.exec(['sh', '-c', 'echo up; sleep 60'], { onOutput });
  });
  process.kill(Number(/pid=(\d+)/u.exec(stderr)?.[1]), 'SIGKILL');
  await t.throwsAsync(running, { message: /^web: ssh connection to 127\.0\.0\.1 was lost: /u });
  t.true(session.isLost);
  await session.reconnect({ timeoutMs: 10_000 });
  t.is((await session.exec(['echo', 'again'])).stdout, 'again\n');
});

test.serial('a deadline ends the programs that ssh started, too', async (t) => {
  const server = await startSshServerWithKey(t);
  const pidFile = join(server.home, 'pid');
  const command = `ProxyCommand sh -c 'echo $$ >${pidFile}; exec sleep 60'`;
  await writeFile(join(server.home, 'config'), `Host *\n  ${command}\n`);
  const own = { HOME: server.home, SHOAL_SSH_CONFIG: join(server.home, 'config') };
  const options: SshConnectOptions = { timeoutMs: 1_000, env: own };
  await t.throwsAsync(SshSession.connect(targetOf(server.port), options), {
    message: /cannot be reached by ssh: timed out/u,
  });
  const pid = Number(await readFile(pidFile, 'utf8'));
  await until('end of the program', 5_000, () => {
    try {
      return !process.kill(pid, 0);
    } catch {
      // No such process.
      return true;
    }
  });
});

test.serial('an unknown host, a closed port and a bad configuration are told apart', async (t) => {
  const server = await startSshServerWithKey(t);
  await mkdir(join(server.home, 'x'));
  await t.throwsAsync(connect(t, server, { target: { host: 'gama.invalid' } }), {
    message: /host name gama\.invalid is neither in the ssh configuration nor in DNS/u,
  });
  await t.throwsAsync(connect(t, server, { target: { port: 1 } }), {
    message: `web: ${user}@127.0.0.1:1 cannot be reached by ssh: connection refused; check address, port and firewall`,
  });
  await writeFile(join(server.home, 'config'), 'Hosst gamma\n');
  await t.throwsAsync(connect(t, server), {
    message: /ssh configuration of 127\.0\.0\.1: .*line 1/u,
  });
});
