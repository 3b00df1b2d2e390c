import { AppError } from '../../manager/common/base/errors.js';
import { packTar } from '../bundle/archive.js';
import type { PackageManager } from './packages.js';
import type { ProvisionStep, ProvisionStepArgs } from './plan.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import * as scripts from '../ssh/remote-scripts.js';
import type { Upload } from '../bundle/runtime.js';
import { formatMegabytes, upload } from './upload.js';

/** Dependencies of the steps: the machine and the artifacts to upload. */
export interface StepContext {
  readonly machine: RemoteMachine;
  readonly runtime: Upload;
  readonly app: Upload;
  /** The binary given with --consul-binary. */
  readonly consul?: Upload | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the output of a long step as it arrives. */
  readonly onOutput: (text: string) => void;
}

type Executors = {
  readonly [K in keyof ProvisionStepArgs]: (
    context: StepContext,
    args: ProvisionStepArgs[K],
  ) => Promise<void>;
};

const installScripts: Readonly<Record<PackageManager, string>> = {
  apt: scripts.installApt,
  dnf: scripts.installDnf,
  'dnf-ce': scripts.installDnfDocker,
  zypper: scripts.installZypper,
  pacman: scripts.installPacman,
};

const installTimeoutMs = 15 * 60_000;

const executors: Executors = {
  'upload-runtime': async (context) =>
    upload(context, 'the node runtime', scripts.unpackRuntime, context.runtime),
  'upload-app': async (context) => upload(context, 'shoal', scripts.unpackApp, context.app),
  'upload-consul': async (context) => {
    if (context.consul === undefined) throw new AppError('internal', 'no consul binary to upload');
    await upload(context, 'consul', scripts.unpackConsul, context.consul);
  },
  install: async ({ machine, onOutput }, { manager, packages }) => {
    const advice = packages.includes('consul')
      ? ' (if the distribution has no consul package, use --consul-binary)'
      : '';
    const what = `install ${packages.join(', ')}${advice}`;
    await machine.script(what, installScripts[manager], packages, {
      timeoutMs: installTimeoutMs,
      onOutput,
    });
  },
  link: async ({ machine }, { runtime, app }) => {
    await machine.script('activate the new version', scripts.activateVersion, [runtime, app]);
  },
  'create-user': async ({ machine }, { user }) => {
    await machine.script(`create the system user ${user}`, scripts.createUser, [user]);
  },
  'write-files': async ({ machine }, { files }) => {
    const entries = files.map(({ path, mode, content }) => ({
      path: path.slice(1),
      mode,
      content,
    }));
    await machine.script('write configuration', scripts.writeFiles, [], {
      stdin: await packTar(entries),
    });
  },
  'remove-files': async ({ machine }, { paths }) => {
    await machine.run('remove old configuration', ['rm', '-f', '--', ...paths]);
  },
  'restart-engine': async ({ machine }, { keepContainers }) => {
    await machine.script(
      'restart the engine (see "systemctl status docker" on it)',
      scripts.restartEngine,
      [keepContainers ? 'yes' : 'no'],
      { timeoutMs: 120_000 },
    );
  },
  'stop-unit': async ({ machine }, { unit }) => {
    await machine.script(`stop ${unit}`, scripts.stopUnit, [`${unit}.service`]);
  },
  'restart-unit': async ({ machine }, { unit }) => {
    await machine.script(`start ${unit}`, scripts.restartUnit, [`${unit}.service`], {
      timeoutMs: 60_000,
    });
  },
};

/** Runs one step; idempotent. */
export async function runStep(context: StepContext, step: ProvisionStep): Promise<void> {
  const execute = executors[step.kind] as (
    context: StepContext,
    args: ProvisionStep,
  ) => Promise<void>;
  await execute(context, step);
}

/** The progress text of a running step. */
export function stepTitle(
  step: ProvisionStep,
  context: Pick<StepContext, 'runtime' | 'app' | 'consul'>,
): string {
  switch (step.kind) {
    case 'upload-runtime':
      return `uploading the node runtime, ${formatMegabytes(context.runtime.gzipBytes)}`;
    case 'upload-app':
      return `uploading shoal, ${formatMegabytes(context.app.gzipBytes)}`;
    case 'upload-consul':
      return `uploading consul, ${formatMegabytes(context.consul?.gzipBytes ?? 0)}`;
    case 'install':
      return `installing ${step.packages.join(', ')} with ${step.manager.replace('-ce', '')}`;
    case 'link':
      return 'activating this version';
    case 'create-user':
      return `creating the system user ${step.user}`;
    case 'write-files':
      return `writing ${String(step.files.length)} configuration files`;
    case 'remove-files':
      return 'removing old configuration';
    case 'restart-engine':
      return 'restarting the engine';
    case 'stop-unit':
      return `stopping ${step.unit}`;
    case 'restart-unit':
      return `starting ${step.unit}`;
  }
}
