import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../../manager/common/base/errors.js';
import { ExitError } from '../../exit-code.js';
import type { MachineStore } from '../../inventory/machine-store.js';
import type { PtySize } from '../../ssh/ssh.js';
import { SshSession } from '../../ssh/ssh.js';
import { ProvisionContext } from '../../machine/provision-context.js';
import type { MachineGlobals } from '../../inventory/machine-globals.js';
import { defaultMachine, openMachineStore } from '../../inventory/open-store.js';

const connectTimeoutMs = 10_000;

async function connect(store: MachineStore, name: string): Promise<SshSession> {
  const provisioning = new ProvisionContext({ store, env: process.env });
  const target = await provisioning.target(await store.load(name));
  return SshSession.connect(target, { timeoutMs: connectTimeoutMs });
}

function terminalSize(): PtySize {
  const { rows, columns: cols } = process.stdout;
  return { rows, cols, term: process.env.TERM ?? 'xterm' };
}

/**
 * Runs a command, or a shell if `words` is empty, with this program's streams. A shell gets a PTY
 * if stdin and stdout are terminals. Returns the exit code.
 */
async function attach(session: SshSession, words: readonly string[]): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const interactive = words.length === 0 && stdin.isTTY && stdout.isTTY;
  let resize: (() => void) | undefined;
  const onResize = (resized: (size: PtySize) => void): void => {
    resize = () => {
      resized(terminalSize());
    };
    stdout.on('resize', resize);
  };
  if (interactive) stdin.setRawMode(true);
  try {
    const streams = { stdin, stdout, stderr, onResize: interactive ? onResize : undefined };
    return await session.attach(words, streams, interactive ? terminalSize() : undefined);
  } finally {
    if (interactive) stdin.setRawMode(false);
    if (resize !== undefined) stdout.off('resize', resize);
    // Stdin that never ends (a terminal, an open pipe) must not keep this process alive.
    stdin.destroy();
  }
}

/**
 * `machine ssh`: joins the words after the name to one command line for the remote shell, like ssh.
 */
export async function ssh(
  name: string | undefined,
  words: readonly string[],
  options: MachineGlobals,
): Promise<void> {
  const store = openMachineStore(options);
  const command = words[0] === '--' ? words.slice(1) : words;
  const session = await connect(store, name ?? defaultMachine);
  try {
    const line = command.length === 0 ? [] : ['sh', '-c', command.join(' ')];
    const code = await attach(session, line);
    if (code !== 0) throw new ExitError(code);
  } finally {
    session.close();
  }
}

interface ScpPath {
  readonly machine: string | undefined;
  readonly path: string;
}

function parseScpPath(text: string): ScpPath {
  const found = /^([0-9A-Za-z][0-9A-Za-z.-]*):(.*)$/u.exec(text);
  if (found === null) return { machine: undefined, path: text };
  return { machine: found[1], path: found[2] === '' ? '.' : (found[2] ?? '.') };
}

/**
 * Runs OpenSSH's scp. Connects to each machine first to verify its host key and passes the key in a
 * known_hosts file.
 */
export async function scp(
  from: string,
  to: string,
  options: MachineGlobals & { readonly recursive: boolean; readonly quiet: boolean },
): Promise<void> {
  const store = openMachineStore(options);
  const paths = [parseScpPath(from), parseScpPath(to)];
  const names = [...new Set(paths.flatMap(({ machine }) => machine ?? []))];
  const first = names[0];
  if (first === undefined) {
    throw new AppError('invalid', 'scp: one of the paths must be on a machine; use NAME:PATH');
  }
  const records = await Promise.all(names.map(async (name) => store.load(name)));
  const folder = await mkdtemp(join(tmpdir(), 'shoal-scp-'));
  try {
    const configPath = join(folder, 'config');
    const blocks: string[] = [];
    for (const record of records) {
      const session = await connect(store, record.Name);
      const { hostKeyLine } = session;
      session.close();
      const knownHosts = join(folder, `${record.Name}.known`);
      await writeFile(knownHosts, `${record.Name} ${hostKeyLine}\n`);
      const { Driver: driver } = record;
      const key =
        driver.SSHKeyPath === ''
          ? []
          : [`  IdentityFile "${store.resolve(driver.SSHKeyPath)}"`, '  IdentitiesOnly yes'];
      blocks.push(
        `Host ${record.Name}`,
        `  HostName ${driver.IPAddress}`,
        `  HostKeyAlias ${record.Name}`,
        `  User ${driver.SSHUser}`,
        `  Port ${String(driver.SSHPort)}`,
        `  UserKnownHostsFile "${knownHosts}"`,
        '  StrictHostKeyChecking yes',
        '  BatchMode yes',
        ...key,
      );
    }
    await writeFile(configPath, `${blocks.join('\n')}\n`, { mode: 0o600 });
    const flags = [
      ...(options.recursive ? ['-r'] : []),
      ...(options.quiet ? ['-q'] : []),
      ...(names.length > 1 ? ['-3'] : []),
    ];
    const argv = ['-F', configPath, ...flags, '--', from, to];
    const child = spawn('scp', argv, { stdio: 'inherit' });
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new ExitError(code ?? 1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
