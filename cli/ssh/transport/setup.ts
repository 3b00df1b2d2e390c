import { accessSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../../manager/common/base/errors.js';
import type { SshConnectOptions, SshTarget } from '../target.js';
import { temporaryFolder } from './at-exit.js';
import { configArguments, connectionArguments } from './arguments.js';
import type { EffectiveConfig, JumpHost } from './effective-config.js';
import { parseEffectiveConfig } from './effective-config.js';
import type { SshRoute } from './route.js';
import { resolveRoute } from './route.js';
import { runSsh } from './run-ssh.js';

const configTimeoutMs = 10_000;

/** How ssh is called for a machine. */
export interface SshSetup {
  readonly base: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly route: SshRoute;
}

/** The environment with a PATH in which ssh is found. */
function withPath(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, ...env };
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The home folder if it is not the account's, whose `.ssh` alone OpenSSH reads. */
function otherHome(env: NodeJS.ProcessEnv): string | undefined {
  const { HOME } = env;
  return HOME === undefined || HOME === '' || HOME === userInfo().homedir ? undefined : HOME;
}

/**
 * The configuration file to name to ssh: SHOAL_SSH_CONFIG, or the one in a HOME that is not the
 * account's; undefined for ssh's own choice.
 */
export function configPathOf(env: NodeJS.ProcessEnv): string | undefined {
  if (env.SHOAL_SSH_CONFIG !== undefined && env.SHOAL_SSH_CONFIG !== '')
    return env.SHOAL_SSH_CONFIG;
  const home = otherHome(env);
  if (home === undefined) return undefined;
  const path = join(home, '.ssh', 'config');
  return exists(path) ? path : undefined;
}

/** Default keys in a HOME that is not the account's. */
function identitiesIn(env: NodeJS.ProcessEnv): readonly string[] {
  const home = otherHome(env);
  if (home === undefined) return [];
  return ['id_ed25519', 'id_ecdsa', 'id_rsa']
    .map((name) => join(home, '.ssh', name))
    .filter((path) => exists(path));
}

/** Reads what ssh's configuration says of a host. Throws `invalid` with ssh's message. */
export async function readEffectiveConfig(
  { host, user, port }: JumpHost,
  {
    env,
    signal,
    configPath,
  }: {
    readonly env: NodeJS.ProcessEnv;
    readonly signal?: AbortSignal | undefined;
    readonly configPath?: string | undefined;
  },
): Promise<EffectiveConfig> {
  const login = [
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
  ];
  const argv = ['-G', ...configArguments(configPath), ...login, '--', host];
  const end = await runSsh(argv, { env: withPath(env), signal, timeoutMs: configTimeoutMs });
  if (end.code === 0) return parseEffectiveConfig(end.stdout);
  const reason = end.stderr.trim().split('\n')[0] ?? '';
  throw new AppError('invalid', `ssh configuration of ${host}: ${reason}`, { detail: end.stderr });
}

/**
 * Settings that ssh's configuration gives a host, with `root` in place of the account's own name where it
 * names no user.
 */
export async function readHostConfig(
  host: string,
  { env, signal }: Pick<SshConnectOptions, 'signal'> & { readonly env: NodeJS.ProcessEnv },
): Promise<EffectiveConfig> {
  const folder = temporaryFolder('shoal-ssh-');
  try {
    const own = configPathOf(env);
    const included = own === undefined ? ['~/.ssh/config', '/etc/ssh/ssh_config'] : [own];
    const configPath = join(folder.path, 'config');
    const lines = included.map((path) => `Include "${path}"`);
    writeFileSync(configPath, `${[...lines, 'Match all', 'User root'].join('\n')}\n`);
    return await readEffectiveConfig({ host }, { env, signal, configPath });
  } finally {
    folder.remove();
  }
}

/** Resolves a target's route and the arguments of its connections. */
export async function setUp(
  target: Omit<SshTarget, 'hostKey'>,
  { env = process.env, signal }: SshConnectOptions,
): Promise<SshSetup> {
  const configPath = configPathOf(env);
  const { name, host, user, port } = target;
  const route = await resolveRoute(name, { host, user, port }, (hop) =>
    readEffectiveConfig(hop, { env, signal, configPath }),
  );
  const input = { ...target, configPath, config: route.config, identities: identitiesIn(env) };
  return { base: connectionArguments(input), env: withPath(env), route };
}

const agentTimeoutMs = 1_000;

/** The path of an agent's socket on which nobody listens; undefined if it works or there is none. */
export async function deadAgent(path: string | undefined): Promise<string | undefined> {
  if (path === undefined || path === '') return undefined;
  return new Promise((resolve) => {
    const socket = connect({ path, timeout: agentTimeoutMs });
    const settle = (found: string | undefined): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once('connect', () => {
      settle(undefined);
    });
    socket.once('timeout', () => {
      settle(path);
    });
    socket.once('error', () => {
      settle(path);
    });
  });
}
