import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { isFileNotFound } from '../../manager/common/base/files.js';
import type { Cli } from '../cli.js';
import { parseDotenv } from '../compose/interpolation/dotenv.js';
import type { Project } from '../compose/model.js';
import { decodeText } from '../compose/yaml/decode-text.js';
import type { OneOffOptions } from './run-spec.js';

/** Flags of `run` as commander parses them. */
export interface RunFlags {
  readonly build?: boolean;
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly deps: boolean;
  readonly detach?: boolean;
  readonly entrypoint?: string;
  readonly env?: readonly string[];
  readonly envFromFile?: readonly string[];
  /** Undefined means true. */
  readonly interactive?: boolean;
  readonly label?: readonly string[];
  /** Other spelling of `label`. */
  readonly labels?: readonly string[];
  readonly name?: string;
  readonly publish?: readonly string[];
  readonly pull?: string;
  readonly quiet?: boolean;
  readonly quietBuild?: boolean;
  readonly quietPull?: boolean;
  readonly removeOrphans?: boolean;
  readonly rm?: boolean;
  readonly servicePorts?: boolean;
  /** False with `-T`. */
  readonly TTY: boolean;
  /** False with `--no-tty`. */
  readonly tty: boolean;
  readonly useAliases?: boolean;
  readonly user?: string;
  readonly volume?: readonly string[];
  /** Other spelling of `volume`. */
  readonly volumes?: readonly string[];
  readonly workdir?: string;
}

/**
 * Converts the flags of `run` to changes of the service's spec, for a container without a terminal.
 * Throws `invalid` for flags that cannot be combined and `not-found` for a missing variable file.
 */
export function oneOffOptions(
  cli: Pick<Cli, 'cwd' | 'env'>,
  project: Pick<Project, 'environment' | 'volumes'>,
  command: readonly string[],
  flags: RunFlags,
): OneOffOptions {
  const { entrypoint, name, user, workdir, publish = [] } = flags;
  if (publish.length > 0 && flags.servicePorts === true) {
    throw new AppError('invalid', '--publish and --service-ports are incompatible');
  }
  return {
    slug: randomBytes(6).toString('hex'),
    command,
    env: {
      ...variablesOfFiles(cli, project, flags.envFromFile ?? []),
      ...pairs(flags.env, (variable) => cli.env[variable] ?? ''),
    },
    labels: pairs([...(flags.label ?? []), ...(flags.labels ?? [])], () => ''),
    volumes: [...(flags.volume ?? []), ...(flags.volumes ?? [])],
    publish,
    servicePorts: flags.servicePorts === true,
    useAliases: flags.useAliases === true,
    deps: flags.deps,
    capAdd: flags.capAdd ?? [],
    capDrop: flags.capDrop ?? [],
    tty: false,
    stdin: false,
    detached: flags.detach === true,
    cwd: cli.cwd,
    volumeNames: Object.fromEntries(
      Object.entries(project.volumes).map(([key, volume]) => [key, volume.name]),
    ),
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(name === undefined ? {} : { name }),
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workdir }),
  };
}

function pairs(
  items: readonly string[] = [],
  bare: (name: string) => string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    items.map((item) => {
      const at = item.indexOf('=');
      return at < 0 ? [item, bare(item)] : [item.slice(0, at), item.slice(at + 1)];
    }),
  );
}

/** Variables of `--env-from-file`; a later file wins. */
function variablesOfFiles(
  cli: Pick<Cli, 'cwd'>,
  { environment }: Pick<Project, 'environment'>,
  files: readonly string[],
): Readonly<Record<string, string>> {
  const variables = new Map<string, string>();
  for (const file of files) {
    const source = { file, ...decodeText(readVariableFile(resolve(cli.cwd, file), file)) };
    parseDotenv(source, variables, (name) => environment[name]);
  }
  return Object.fromEntries(variables);
}

function readVariableFile(path: string, file: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = isFileNotFound(error) ? 'no such file' : messageOf(error);
    throw new AppError('not-found', `--env-from-file ${file}: ${reason}`);
  }
}
