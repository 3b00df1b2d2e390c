import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { freePorts } from '../../../fixtures/consul/ports.js';

const run = promisify(execFile);

export interface SshServer {
  /** Folder with the server's keys, free for files of the test. */
  readonly home: string;
  readonly port: number;
  /** Path of the private host key. */
  readonly hostKeyPath: string;
  /** The public host key, `type blob`. */
  readonly publicKey: string;
  /** The fingerprint of the host key. */
  readonly print: string;
}

/** Creates a key pair and returns the path of the private key. */
export async function makeKey(path: string, argv: readonly string[] = []): Promise<string> {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path, ...argv]);
  return path;
}

/** Starts OpenSSH's server on the loopback interface; it ends with the test. */
export async function startSshServer(
  t: ExecutionContext,
  options: readonly string[] = [],
  hostKey: readonly string[] = [],
): Promise<SshServer> {
  const home = await mkdtemp(join(tmpdir(), 'shoal-sshd-'));
  t.teardown(() => rm(home, { recursive: true, force: true }));
  await chmod(home, 0o700);
  await mkdir(join(home, '.ssh'));
  await mkdir('/run/sshd', { recursive: true });
  const hostKeyPath = await makeKey(join(home, 'host-key'), hostKey);
  const publicKey = (await readFile(`${hostKeyPath}.pub`, 'utf8')).trim();
  const { stdout } = await run('ssh-keygen', ['-l', '-f', hostKeyPath]);
  const [port = 0] = await freePorts(1);
  const fixed = ['ListenAddress=127.0.0.1', 'PidFile=none', 'StrictModes=no', 'UsePAM=no'];
  const argv = ['-D', '-e', '-f', '/dev/null', '-h', hostKeyPath, '-p', String(port)];
  const all = [...options, ...fixed].flatMap((option) => ['-o', option]);
  const server = spawn('/usr/sbin/sshd', [...argv, ...all], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.teardown(async () => endProcess(server));
  await once(server.stderr, 'data');
  server.stderr.resume();
  const print = /SHA256:\S+/u.exec(stdout)?.[0] ?? '';
  return { home, port, hostKeyPath, publicKey, print };
}

/** A server at which one new key may log in; returns the key's path too. */
export async function startSshServerWithKey(
  t: ExecutionContext,
  options: readonly string[] = [],
): Promise<SshServer & { readonly keyPath: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-key-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const keyPath = await makeKey(join(folder, 'key'));
  const authorized = `AuthorizedKeysFile=${keyPath}.pub`;
  return { ...(await startSshServer(t, [authorized, ...options])), keyPath };
}

export async function endProcess(child: ChildProcess): Promise<void> {
  // Not `close`: a connection that is still open holds the output of the server.
  const ended = once(child, 'exit');
  child.kill();
  await ended;
  child.stderr?.destroy();
}

/** Starts an agent with these keys and returns its socket; it ends with the test. */
export async function startAgent(
  t: ExecutionContext,
  keys: readonly string[],
): Promise<{ readonly socket: string; readonly end: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-agent-'));
  const socket = join(folder, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(agent.stdout, 'data');
  const end = async (): Promise<void> => {
    if (agent.exitCode === null && agent.signalCode === null) await endProcess(agent);
  };
  t.teardown(async () => {
    await end();
    await rm(folder, { recursive: true, force: true });
  });
  for (const key of keys) {
    await run('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
  }
  return { socket, end };
}

/** Writes an executable that prints a text, for SSH_ASKPASS. */
export async function answeringProgram(path: string, answer: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\necho "$1" >>${path}.asked\nprintf '%s\\n' '${answer}'\n`);
  await chmod(path, 0o700);
  return path;
}
