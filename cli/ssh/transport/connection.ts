import { spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostKey } from '../known-hosts.js';
import { hostKeyFingerprint } from '../known-hosts.js';
import type { SshConnectOptions, SshTarget } from '../target.js';
import type { TemporaryFolder } from './at-exit.js';
import { atExit, temporaryFolder } from './at-exit.js';
import {
  hostKeyTypes,
  masterArguments,
  offeredKeyArguments,
  pinnedArguments,
  sessionArguments,
} from './arguments.js';
import { changedHostKey, connectError } from './connect-error.js';
import type { SshEnd } from './run-ssh.js';
import { endOf, runSsh } from './run-ssh.js';
import type { SshSetup } from './setup.js';
import { deadAgent, setUp } from './setup.js';

function parseKey(line: string | undefined): HostKey | undefined {
  const [type = '', blob = ''] = (line ?? '').trim().split(/\s+/u);
  return blob === '' ? undefined : { type, blob };
}

function fingerprint(key: HostKey): string {
  return hostKeyFingerprint(Buffer.from(key.blob, 'base64'));
}

/** Runs ssh up to the login, with the user's prompts. */
async function attempt(
  { base, env }: SshSetup,
  argv: readonly string[],
  host: string,
  { prompts, timeoutMs, signal }: SshConnectOptions,
): Promise<SshEnd> {
  const ask =
    prompts === undefined
      ? ['-o', 'BatchMode=yes']
      : prompts.canAsk
        ? []
        : ['-o', 'PasswordAuthentication=no', '-o', 'KbdInteractiveAuthentication=no'];
  const background = argv.includes('-fNM');
  return runSsh([...argv, ...base, ...ask, '--', host, ...(background ? [] : ['true'])], {
    background,
    timeoutMs,
    signal,
    env: prompts?.environment(env) ?? env,
    isPaused: () => prompts?.isOpen === true,
  });
}

async function failure(
  target: Omit<SshTarget, 'hostKey'> & { readonly hostKey?: string | undefined },
  { route, env }: SshSetup,
  options: SshConnectOptions,
  end: Pick<SshEnd, 'stderr' | 'timedOut'>,
): Promise<Error> {
  return connectError({
    ...target,
    hostname: route.config.hostname,
    hops: route.hops,
    stderr: end.stderr,
    timedOut: end.timedOut,
    lockedKeys: options.prompts?.lockedKeys ?? new Map(),
    deadAgent: await deadAgent(env.SSH_AUTH_SOCK),
  });
}

/** One authenticated connection that OpenSSH shares between the commands of a machine. */
export class SharedConnection {
  readonly hostKey: HostKey;
  readonly #folder: TemporaryFolder;
  readonly #setup: SshSetup;
  readonly #host: string;
  readonly #cancelExit: () => void;
  #sessions = 0;

  private constructor(
    hostKey: HostKey,
    place: { readonly folder: TemporaryFolder; readonly setup: SshSetup; readonly host: string },
  ) {
    this.hostKey = hostKey;
    this.#folder = place.folder;
    this.#setup = place.setup;
    this.#host = place.host;
    this.#cancelExit = atExit(() => {
      this.close();
    });
  }

  /** Connects and logs in; see `SshSession.connect`. */
  static async open(target: SshTarget, options: SshConnectOptions): Promise<SharedConnection> {
    const setup = await setUp(target, options);
    const folder = temporaryFolder('shoal-ssh-');
    try {
      const hostKey = await pinnedKey(target, setup, options, folder.path);
      const knownHosts = join(folder.path, 'known_hosts');
      await writeFile(knownHosts, `${target.name} ${hostKey.type} ${hostKey.blob}\n`);
      const pinned = pinnedArguments(knownHosts, hostKey);
      const own = { ...setup, base: [...pinned, ...setup.base] };
      const argv = masterArguments(join(folder.path, 'm'));
      const end = await attempt(own, argv, target.host, options);
      if (end.code !== 0) {
        const hostKeyPrint = target.hostKey ?? fingerprint(hostKey);
        throw await failure({ ...target, hostKey: hostKeyPrint }, setup, options, end);
      }
      return new SharedConnection(hostKey, { folder, setup: own, host: target.host });
    } catch (error) {
      folder.remove();
      throw error;
    }
  }

  /** See `readHostKey`. */
  static async offeredKey(
    target: Omit<SshTarget, 'hostKey'>,
    options: SshConnectOptions,
    prefer: readonly string[],
  ): Promise<HostKey> {
    const setup = await setUp(target, options);
    const folder = temporaryFolder('shoal-ssh-');
    try {
      const types = [...new Set([...prefer, ...hostKeyTypes])];
      return await readOffered(target, setup, options, { folder: folder.path, types });
    } finally {
      folder.remove();
    }
  }

  /** True while OpenSSH holds the connection. */
  get isAlive(): boolean {
    return this.#control('check') === 0;
  }

  /** Arguments of ssh for a command, and the path where its own messages go. */
  session(): {
    readonly argv: readonly string[];
    readonly env: NodeJS.ProcessEnv;
    readonly log: string;
  } {
    this.#sessions += 1;
    const log = join(this.#folder.path, `log-${String(this.#sessions)}`);
    const argv = [...sessionArguments(join(this.#folder.path, 'm'), log), ...this.#setup.base];
    return { argv: [...argv, '-T', '--', this.#host], env: this.#setup.env, log };
  }

  /** See `SshSession.attach`. */
  async attach(command: readonly string[], terminal: boolean): Promise<number> {
    const { argv, env } = this.session();
    const head = argv.slice(0, -3);
    const child = spawn('ssh', [...head, terminal ? '-tt' : '-T', '--', this.#host, ...command], {
      stdio: 'inherit',
      env,
    });
    return (await endOf(child)) ?? 255;
  }

  configLines(): readonly string[] {
    const control = join(this.#folder.path, 'm');
    return [`ControlPath "${control}"`, 'ControlMaster no', 'BatchMode yes', 'ProxyCommand false'];
  }

  /** Ends the connection and the commands on it. */
  close(): void {
    this.#cancelExit();
    this.#control('exit');
    this.#folder.remove();
  }

  #control(operation: 'check' | 'exit'): number | null {
    const argv = ['-F', 'none', '-S', join(this.#folder.path, 'm'), '-O', operation, 'machine'];
    return spawnSync('ssh', argv, { stdio: 'ignore', timeout: 5_000 }).status;
  }
}

/** Reads the host key that the machine offers among these kinds. */
async function readOffered(
  target: Omit<SshTarget, 'hostKey'>,
  setup: SshSetup,
  options: SshConnectOptions,
  { folder, types }: { readonly folder: string; readonly types: readonly string[] },
): Promise<HostKey> {
  const path = join(folder, 'offered');
  rmSync(path, { force: true });
  const end = await attempt(setup, offeredKeyArguments(path, types), target.host, options);
  const seen = await readFile(path, 'utf8').catch(() => '');
  const key = parseKey(seen.slice(seen.indexOf(' ') + 1));
  if (key === undefined) throw await failure(target, setup, options, end);
  return key;
}

/**
 * The host key to expect. Of a machine whose fingerprint alone is known, and which has keys of
 * several kinds, the one that matches is searched for. Throws `forbidden` if there is none.
 */
async function pinnedKey(
  target: SshTarget,
  setup: SshSetup,
  options: SshConnectOptions,
  folder: string,
): Promise<HostKey> {
  const known = parseKey(target.publicHostKey);
  const { hostKey } = target;
  if (known !== undefined && (hostKey === undefined || fingerprint(known) === hostKey))
    return known;
  const offered = await readOffered(target, setup, options, { folder, types: hostKeyTypes });
  if (hostKey === undefined || fingerprint(offered) === hostKey) return offered;
  for (const type of hostKeyTypes.filter((each) => each !== offered.type)) {
    const other = await readOffered(target, setup, options, { folder, types: [type] }).catch(
      () => undefined,
    );
    if (other !== undefined && fingerprint(other) === hostKey) return other;
  }
  throw changedHostKey(target.name, target.host, hostKey, fingerprint(offered));
}
