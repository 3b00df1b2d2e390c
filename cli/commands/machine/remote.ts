import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../../manager/common/base/errors.js';
import { ExitError } from '../../exit-code.js';
import type { MachineStore } from '../../inventory/machine-store.js';
import type { SshSession } from '../../ssh/ssh.js';
import { ProvisionContext } from '../../machine/provision-context.js';
import type { MachineGlobals } from '../../inventory/machine-globals.js';
import { defaultMachine, openMachineStore } from '../../inventory/open-store.js';

async function withContext<T>(
  options: MachineGlobals,
  body: (context: ProvisionContext, store: MachineStore) => Promise<T>,
): Promise<T> {
  const store = openMachineStore(options);
  const context = new ProvisionContext({ store, env: process.env });
  try {
    return await body(context, store);
  } finally {
    context.close();
  }
}

async function connect(context: ProvisionContext, name: string): Promise<SshSession> {
  return context.openSession(context.target(await context.store.load(name)));
}

/**
 * `machine ssh`: joins the words after the name to one command line for the remote shell, like ssh.
 */
export async function ssh(
  name: string | undefined,
  words: readonly string[],
  options: MachineGlobals,
): Promise<void> {
  const command = words[0] === '--' ? words.slice(1) : words;
  const code = await withContext(options, async (context) => {
    const session = await connect(context, name ?? defaultMachine);
    const { stdin, stdout } = process;
    const isInteractive = command.length === 0 && stdin.isTTY && stdout.isTTY;
    const line = command.length === 0 ? [] : ['sh', '-c', command.join(' ')];
    return session.attach(line, isInteractive);
  });
  if (code !== 0) throw new ExitError(code);
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

/** Runs OpenSSH's scp over connections whose host keys were verified. */
export async function scp(
  from: string,
  to: string,
  options: MachineGlobals & { readonly recursive: boolean; readonly quiet: boolean },
): Promise<void> {
  const paths = [parseScpPath(from), parseScpPath(to)];
  const names = [...new Set(paths.flatMap(({ machine }) => machine ?? []))];
  if (names.length === 0) {
    throw new AppError('invalid', 'scp: one of the paths must be on a machine; use NAME:PATH');
  }
  const code = await withContext(options, async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'shoal-scp-'));
    try {
      const configPath = join(folder, 'config');
      const blocks: string[] = [];
      for (const name of names) {
        const session = await connect(context, name);
        blocks.push(`Host ${name}`, ...session.configLines().map((line) => `  ${line}`));
      }
      await writeFile(configPath, `${blocks.join('\n')}\n`, { mode: 0o600 });
      const flags = [
        ...(options.recursive ? ['-r'] : []),
        ...(options.quiet ? ['-q'] : []),
        ...(names.length > 1 ? ['-3'] : []),
      ];
      const argv = ['-F', configPath, ...flags, '--', from, to];
      const child = spawn('scp', argv, { stdio: 'inherit' });
      const [ended] = (await once(child, 'close')) as [number | null];
      return ended ?? 1;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  if (code !== 0) throw new ExitError(code);
}
