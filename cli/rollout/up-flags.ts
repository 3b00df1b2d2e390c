import { AppError } from '../../manager/common/base/errors.js';
import { parseReplicas } from '../arguments/replicas.js';
import { wholeNumber } from '../project/selection.js';

/** Flags as commander parses them; `--no-x` is `x`, false. */
export interface UpFlags {
  readonly detach?: boolean;
  readonly wait?: boolean;
  readonly waitTimeout?: string;
  readonly scale?: readonly string[];
  readonly removeOrphans?: boolean;
  /** Recreates the named services, or all if none is named. */
  readonly forceRecreate?: boolean;
  /** Recreates the dependencies of the named services. */
  readonly alwaysRecreateDeps?: boolean;
  readonly renewAnonVolumes?: boolean;
  /** False with `--no-recreate`. */
  readonly recreate: boolean;
  /** False with `--no-start`. */
  readonly start: boolean;
  /** False with `--no-deps`. */
  readonly deps: boolean;
  readonly timeout?: string;
  /** True with `--build`, false with `--no-build`. */
  readonly build?: boolean;
  readonly pull?: string;
  readonly quietPull?: boolean;
  readonly quietBuild?: boolean;
  readonly dryRun?: boolean;
  readonly abortOnContainerExit?: boolean;
  readonly abortOnContainerFailure?: boolean;
  readonly exitCodeFrom?: string;
  readonly attach?: readonly string[];
  readonly attachDependencies?: boolean;
  readonly noAttach?: readonly string[];
  readonly color: boolean;
  readonly logPrefix: boolean;
  readonly timestamps?: boolean;
  readonly watch?: boolean;
}

export interface UpOptions {
  readonly mode: 'foreground' | 'started' | 'healthy' | 'created';
  readonly replicas: Readonly<Record<string, number>>;
  readonly waitMs: number | undefined;
  readonly graceMs: number | undefined;
  readonly abortOn: 'exit' | 'failure' | undefined;
}

/** Incompatible pairs of flags with docker compose's messages. */
const conflicts: readonly (readonly [keyof UpFlags, keyof UpFlags, string])[] = [
  ['detach', 'abortOnContainerExit', '--detach and --abort-on-container-exit are incompatible'],
  [
    'detach',
    'abortOnContainerFailure',
    '--detach and --abort-on-container-failure are incompatible',
  ],
  ['detach', 'watch', '--detach and --watch are incompatible'],
  ['wait', 'watch', '--wait and --watch are incompatible'],
  ['detach', 'exitCodeFrom', '--detach and --exit-code-from are incompatible'],
  ['wait', 'abortOnContainerExit', '--wait and --abort-on-container-exit are incompatible'],
  ['wait', 'abortOnContainerFailure', '--wait and --abort-on-container-failure are incompatible'],
  ['wait', 'exitCodeFrom', '--wait and --exit-code-from are incompatible'],
  ['detach', 'attach', '--detach and --attach are incompatible'],
  ['wait', 'attach', '--wait and --attach are incompatible'],
  ['detach', 'attachDependencies', '--detach and --attach-dependencies are incompatible'],
  ['wait', 'attachDependencies', '--wait and --attach-dependencies are incompatible'],
  ['attach', 'attachDependencies', '--attach and --attach-dependencies are incompatible'],
];

/** Parses the flags and checks that they are compatible; throws `invalid`. */
export function upOptions(flags: UpFlags): UpOptions {
  if (!flags.recreate) {
    for (const [flag, value] of [
      ['--force-recreate', flags.forceRecreate],
      ['--always-recreate-deps', flags.alwaysRecreateDeps],
    ] as const) {
      if (value !== true) continue;
      throw new AppError('invalid', `${flag} and --no-recreate are incompatible`);
    }
  }
  for (const [a, b, message] of conflicts) {
    if (isGiven(flags[a]) && isGiven(flags[b])) throw new AppError('invalid', message);
  }
  return {
    mode: modeOf(flags),
    replicas: parseReplicas(flags.scale ?? [], '--scale'),
    waitMs: seconds('--wait-timeout', flags.waitTimeout),
    graceMs: seconds('--timeout', flags.timeout),
    abortOn: abortOf(flags),
  };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false;
}

function modeOf(flags: UpFlags): UpOptions['mode'] {
  if (!flags.start) return 'created';
  if (flags.wait === true) return 'healthy';
  return flags.detach === true ? 'started' : 'foreground';
}

function abortOf(flags: UpFlags): UpOptions['abortOn'] {
  if (flags.abortOnContainerFailure === true) return 'failure';
  return flags.abortOnContainerExit === true || flags.exitCodeFrom !== undefined
    ? 'exit'
    : undefined;
}

function seconds(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : wholeNumber(flag, text) * 1000;
}
