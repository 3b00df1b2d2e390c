import { AppError } from '../manager/common/base/errors.js';
import type { ProgressMode } from './output/progress.js';
import { progressModes } from './output/progress.js';
import type { AnsiMode } from './output/terminal.js';

/**
 * Options before the command's name. The loader reads COMPOSE_FILE and similar variables, because
 * they may be set in `.env`.
 */
export interface GlobalOptions {
  readonly files: readonly string[];
  readonly projectName: string | undefined;
  readonly projectDirectory: string | undefined;
  readonly envFiles: readonly string[];
  readonly profiles: readonly string[];
  /** Keep networks, volumes, secrets and configs that no service uses. */
  readonly allResources?: boolean;
  /** Backward compatibility mode: `config` does not normalize the model. */
  readonly compatibility?: boolean;
  /** Print what would change, change nothing. */
  readonly dryRun?: boolean;
  readonly progress: ProgressMode;
  readonly ansi: AnsiMode;
  readonly cluster: string | undefined;
  readonly storagePath: string | undefined;
  readonly debug: boolean;
  /** Images pulled, pushed and built at the same time; infinite without a limit. */
  readonly parallel: number;
}

/** The flags as commander parses them. */
export interface GlobalFlags {
  readonly file?: readonly string[];
  readonly projectName?: string;
  readonly projectDirectory?: string;
  /** Other spelling of `projectDirectory`. */
  readonly workdir?: string;
  readonly envFile?: readonly string[];
  readonly profile?: readonly string[];
  readonly allResources?: boolean;
  readonly compatibility?: boolean;
  readonly dryRun?: boolean;
  readonly progress?: string;
  /** False with `--no-ansi`. */
  readonly ansi?: string | false;
  readonly cluster?: string;
  readonly storagePath?: string;
  readonly debug?: boolean;
  readonly parallel?: string;
}

const ansiModes: readonly AnsiMode[] = ['auto', 'never', 'always'];

/**
 * Resolves the global options; flags take precedence over COMPOSE_PROGRESS, COMPOSE_ANSI and
 * COMPOSE_PARALLEL_LIMIT. Throws `invalid` for a value that is not allowed.
 */
export function globalOptions(flags: GlobalFlags, env: NodeJS.ProcessEnv): GlobalOptions {
  return {
    files: flags.file ?? [],
    projectName: text(flags.projectName),
    projectDirectory: text(flags.projectDirectory ?? flags.workdir),
    envFiles: flags.envFile ?? [],
    profiles: flags.profile ?? [],
    allResources: flags.allResources ?? false,
    compatibility: flags.compatibility ?? isTrue(env.COMPOSE_COMPATIBILITY),
    dryRun: flags.dryRun ?? false,
    progress: choice('--progress', flags.progress ?? text(env.COMPOSE_PROGRESS), progressModes),
    ansi:
      flags.ansi === false
        ? 'never'
        : choice('--ansi', flags.ansi ?? text(env.COMPOSE_ANSI), ansiModes),
    cluster: text(flags.cluster),
    storagePath: text(flags.storagePath),
    debug: flags.debug ?? false,
    parallel: limit(flags.parallel, text(env.COMPOSE_PARALLEL_LIMIT)),
  };
}

/** Parses the limit as docker compose does: absent, 0 and negative mean no limit. */
function limit(flag: string | undefined, variable: string | undefined): number {
  const value = flag ?? variable ?? '-1';
  if (/^-?\d+$/u.test(value)) return Number(value) > 0 ? Number(value) : Infinity;
  const name = flag === undefined ? 'COMPOSE_PARALLEL_LIMIT' : '--parallel';
  throw new AppError(
    'invalid',
    `invalid ${name} "${value}": not a whole number; use -1 for no limit`,
  );
}

/** True for the words that docker compose reads as true. */
function isTrue(value: string | undefined): boolean {
  return ['1', 't', 'true', 'y', 'yes', 'on'].includes((value ?? '').toLowerCase());
}

function text(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function choice<Choice extends string>(
  flag: string,
  value: string | undefined,
  choices: readonly Choice[],
): Choice | 'auto' {
  if (value === undefined) return 'auto';
  const found = choices.find((known) => known === value);
  if (found !== undefined) return found;
  throw new AppError('invalid', `invalid ${flag} "${value}"; use one of ${choices.join(', ')}`);
}
