import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Decoder } from '../../manager/common/base/decode.js';
import {
  decodeJson,
  dictionary,
  object,
  optional,
  orElse,
  string,
} from '../../manager/common/base/decode.js';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { RegistryAuth } from '../../manager/common/protocol/worker-calls.js';

interface StoredAuth {
  readonly auth?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identitytoken?: string | undefined;
}

interface DockerConfig {
  readonly auths: Readonly<Record<string, StoredAuth>>;
  readonly credsStore?: string | undefined;
  readonly credHelpers: Readonly<Record<string, string>>;
}

const storedAuth: Decoder<StoredAuth> = object<StoredAuth>({
  auth: optional(string),
  username: optional(string),
  password: optional(string),
  identitytoken: optional(string),
});

const dockerConfig: Decoder<DockerConfig> = object<DockerConfig>({
  auths: orElse(dictionary(storedAuth), {}),
  credsStore: optional(string),
  credHelpers: orElse(dictionary(string), {}),
});

/** The output of a credential helper. */
interface HelperAnswer {
  readonly Username: string;
  readonly Secret: string;
}

const helperAnswer: Decoder<HelperAnswer> = object({ Username: string, Secret: string });

/** Key under which Docker stores the credentials of Docker Hub. */
const hubKey = 'https://index.docker.io/v1/';
const helperMs = 30_000;

/** Returns the registry host of an image reference; `docker.io` if the reference names none. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (/[.:]/u.test(first) || first === 'localhost');
  return isHost && first !== 'index.docker.io' ? first : 'docker.io';
}

/**
 * Registry credentials of the user, read on demand from Docker's configuration (`DOCKER_CONFIG`,
 * else `~/.docker`) and its credential helpers. They are sent with one request and never stored.
 */
export class RegistryCredentials {
  readonly #env: NodeJS.ProcessEnv;
  #config: DockerConfig | undefined;
  /** Each helper runs once per registry: some helpers prompt the user. */
  readonly #byRegistry = new Map<string, Promise<RegistryAuth | undefined>>();

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  /** Returns the credentials for the image's registry; undefined if there are none. */
  async forImage(image: string): Promise<RegistryAuth | undefined> {
    const registry = registryOf(image);
    let found = this.#byRegistry.get(registry);
    if (found === undefined) {
      found = this.#read().then((config) => this.#find(config, registry));
      this.#byRegistry.set(registry, found);
    }
    return found;
  }

  /** Returns the credentials for the images' registries only, by the registry's server address. */
  async forImages(images: readonly string[]): Promise<Readonly<Record<string, RegistryAuth>>> {
    const found: Record<string, RegistryAuth> = {};
    for (const image of images) {
      const auth = await this.forImage(image);
      if (auth?.serveraddress !== undefined) found[auth.serveraddress] = auth;
    }
    return found;
  }

  async #read(): Promise<DockerConfig> {
    if (this.#config !== undefined) return this.#config;
    const folder = this.#env.DOCKER_CONFIG ?? join(this.#env.HOME ?? homedir(), '.docker');
    const path = join(folder, 'config.json');
    const content = await readFile(path, 'utf8').catch(() => '{}');
    this.#config = decodeJson(content, dockerConfig, path, 'fix the file or run "docker login"');
    return this.#config;
  }

  async #find(config: DockerConfig, registry: string): Promise<RegistryAuth | undefined> {
    const key = registry === 'docker.io' ? hubKey : registry;
    const helper = config.credHelpers[registry] ?? config.credHelpers[key] ?? config.credsStore;
    if (helper !== undefined && helper !== '') {
      const found = await this.#runHelper(helper, key);
      if (found !== undefined) return found;
    }
    const stored = Object.entries(config.auths).find(
      ([name]) => name === key || hostOf(name) === registry,
    );
    return stored === undefined ? undefined : fromStored(key, stored[1]);
  }

  /**
   * Runs `docker-credential-<helper> get`: the server on standard input, JSON on standard output.
   */
  async #runHelper(helper: string, server: string): Promise<RegistryAuth | undefined> {
    if (!/^[\w.-]+$/u.test(helper)) {
      throw new AppError(
        'invalid',
        `credential helper "${helper}": not a valid program name; fix credsStore or credHelpers in Docker's config.json`,
      );
    }
    const program = `docker-credential-${helper}`;
    const child = spawn(program, ['get'], {
      env: this.#env,
      stdio: ['pipe', 'pipe', 'ignore'],
      signal: AbortSignal.timeout(helperMs),
    });
    const failed = once(child, 'error').then(([error]) => {
      throw new AppError('unavailable', `${program}: ${messageOf(error)}`);
    });
    failed.catch(() => undefined);
    child.stdin.on('error', () => undefined).end(`${server}\n`);
    const done = Promise.all([text(child.stdout), once(child, 'close')]);
    const [output, [code]] = (await Promise.race([done, failed])) as [string, [number | null]];
    if (code !== 0) {
      if (/credentials not found/iu.test(output)) return undefined;
      throw new AppError(
        'forbidden',
        `${program}: returned no credentials for ${server}; run "docker login"`,
      );
    }
    return fromHelper(program, server, output);
  }
}

function fromHelper(program: string, server: string, output: string): RegistryAuth {
  const answer = decodeJson(output, helperAnswer, program, 'check the credential helper');
  const { Username: username, Secret: secret } = answer;
  return username === '<token>'
    ? { identitytoken: secret, serveraddress: server }
    : { username, password: secret, serveraddress: server };
}

function fromStored(server: string, stored: StoredAuth): RegistryAuth | undefined {
  if (stored.identitytoken !== undefined && stored.identitytoken !== '') {
    return { identitytoken: stored.identitytoken, serveraddress: server };
  }
  const pair = Buffer.from(stored.auth ?? '', 'base64').toString('utf8');
  const at = pair.indexOf(':');
  const username = at > 0 ? pair.slice(0, at) : stored.username;
  const password = at > 0 ? pair.slice(at + 1) : stored.password;
  if (username === undefined || password === undefined) return undefined;
  return { username, password, serveraddress: server };
}

/** `https://host/v2/` → `host`. */
function hostOf(name: string): string {
  return name.replace(/^https?:\/\//u, '').split('/')[0] ?? '';
}
