import { Command, Option } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import { isOneOff } from '../../../manager/common/model/compose/one-off.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal, stateRank } from '../../../manager/common/model/task-state.js';
import type { Cli } from '../../cli.js';
import type { ControlClient } from '../../client/client.js';
import type { Project } from '../../compose/model.js';
import { ExitError } from '../../exit-code.js';
import { appliedLines } from '../../client/plan-lines.js';
import { DryRunEnd } from '../../output/dry-run-end.js';
import { quietProgress } from '../../output/progress.js';
import { runOnTerminal } from '../../client/terminal-ends.js';
import type { TextSink } from '../../output/terminal.js';
import { evaluateDown } from '../../rollout/follow/down-state.js';
import { followProject, lookOnce } from '../../rollout/follow/follow.js';
import { waitForServices } from '../../rollout/wait-for-services.js';
import { collect } from '../../arguments/options.js';
import { loadFile } from '../../project/load-request.js';
import type { RunFlags } from '../../rollout/run-flags.js';
import { oneOffOptions } from '../../rollout/run-flags.js';
import type { OneOffOptions } from '../../rollout/run-spec.js';
import { oneOffSpec } from '../../rollout/run-spec.js';
import { withProgress } from '../../project/progress-output.js';
import { buildApplyRequest } from '../../rollout/up-apply.js';
import { prepareImages } from '../../rollout/up-images.js';

export function runCommand(cli: Cli): Command {
  return new Command('run')
    .description(
      'Run a one-off command on a service, on an eligible node; exits with its exit code',
    )
    .argument('<service>')
    .argument('[command...]')
    .passThroughOptions()
    .option('--build', 'build the image before starting the container')
    .option('--cap-add <capability>', 'add a Linux capability', collect)
    .option('--cap-drop <capability>', 'drop a Linux capability', collect)
    .option('--no-deps', "don't start linked services")
    .option('-d, --detach', "run in the background and print the container's name")
    .option('--entrypoint <command>', 'override the entrypoint of the image')
    .option('-e, --env <variable>', 'set environment variables', collect)
    .option('--env-from-file <file>', 'set the environment variables of a file', collect)
    .option(
      '-i, --interactive',
      'keep stdin open; =false leaves stdin alone (default true, false with -d)',
    )
    .option('-l, --label <label>', 'add a label', collect)
    .option('--name <name>', 'name of the container')
    .option('-p, --publish <port>', 'publish a port', collect)
    .option('--pull <policy>', 'pull the image first: always, missing or never')
    .option('-q, --quiet', "print the container's output only, no progress")
    .option('--quiet-build', 'build without output')
    .option('--quiet-pull', 'pull without progress')
    .option('--remove-orphans', 'remove containers for services not defined in the Compose file')
    .option('--rm', 'remove the container when it exits')
    .option('-P, --service-ports', "publish the service's ports")
    .option('-T, --no-TTY', 'do not allocate a terminal')
    .addOption(new Option('--no-tty').hideHelp())
    .addOption(new Option('-t, --tty').hideHelp())
    .addOption(new Option('--labels <label>').argParser(collect).hideHelp())
    .addOption(new Option('--volumes <volume>').argParser(collect).hideHelp())
    .option('--use-aliases', "use the service's network aliases")
    .option('-u, --user <user>', 'run as this user')
    .option('-v, --volume <volume>', 'add a volume', collect)
    .option('-w, --workdir <path>', 'working directory in the container')
    .action(async (service: string, command: string[], flags: RunFlags) => {
      await run(flags.quiet === true ? quietly(cli) : cli, service, command, flags);
    });
}

function quietly(cli: Cli): Cli {
  return { ...cli, options: { ...cli.options, progress: 'quiet' } };
}

interface OneOff {
  readonly client: ControlClient;
  readonly project: string;
  readonly key: string;
  readonly tty: boolean;
  readonly stdin: boolean;
}

async function run(
  cli: Cli,
  service: string,
  command: readonly string[],
  flags: RunFlags,
): Promise<void> {
  const { project } = await loadFile(cli, [service]);
  const options = oneOffOptions(cli, project, command, flags);
  const client = await cli.connect({ startLocal: true });
  const detached = flags.detach === true;
  const tty = flags.tty && flags.TTY && !detached && cli.stdin.isTTY === true && cli.stdout.isTTY;
  const stdin = flags.interactive !== false && !detached && (tty || cli.stdin.isTTY !== true);
  const { key, containerName } = await start(cli, {
    client,
    project,
    service,
    flags,
    options: { ...options, tty, stdin },
  });
  const oneOff = { client, project: project.name, key, tty, stdin };
  if (detached) {
    await waitForTask(cli, oneOff, (task) => task.status.startedAt !== undefined);
    cli.stdout.write(`${containerName}\n`);
    return;
  }
  const code = await streamContainer(cli, oneOff).finally(() =>
    flags.rm === true ? remove(cli, oneOff) : undefined,
  );
  if (code !== 0) throw new ExitError(code);
}

interface OneOffStart {
  readonly client: ControlClient;
  readonly project: Project;
  readonly service: string;
  readonly flags: RunFlags;
  readonly options: OneOffOptions;
}

/**
 * Starts the service's dependencies, then the one-off container. Returns its service key and name.
 */
async function start(
  cli: Cli,
  request: OneOffStart,
): Promise<{ readonly key: string; readonly containerName: string }> {
  const { client, project, service, flags } = request;
  const { signal } = cli.interrupts;
  const full = buildApplyRequest({
    project,
    named: [service],
    flags: { deps: true, removeOrphans: flags.removeOrphans === true },
    options: { mode: 'started', replicas: {}, graceMs: undefined },
  });
  const spec = full.services.find((item) => item.service === service);
  if (spec === undefined) throw new AppError('not-found', `no such service: ${service}`);
  const before = await lookOnce(client, project.name, signal);
  const others = flags.deps ? full.services.filter((item) => item !== spec) : [];
  const keys = [...others.map((item) => item.service), service];
  await prepareImages(cli, {
    client,
    project,
    keys,
    before,
    flags: { ...flags, dryRun: cli.options.dryRun === true },
  });
  const own = oneOffSpec(spec, request.options);
  const known = [...full.known, own.service, ...oneOffKeys(before)];
  const apply = { ...full, known, services: [...others, own] };
  const applied = await client.call('project.apply', apply, { signal, timeoutMs: 60_000 });
  if (cli.options.dryRun === true) {
    cli.stdout.write(appliedLines(applied));
    throw new DryRunEnd();
  }
  if (others.length > 0) {
    await withProgress(cli, (progress) =>
      waitForServices(cli, progress, {
        client,
        project: project.name,
        services: others.map((item) => item.service),
        until: 'started',
        changes: applied.changes,
        before,
      }),
    );
  }
  return { key: own.service, containerName: own.task.container.containerName ?? own.service };
}

/** Service keys of other one-off containers: they must not count as orphans. */
function oneOffKeys(before: Awaited<ReturnType<typeof lookOnce>>): readonly string[] {
  return [...before.services.values()].filter(isOneOff).map(({ spec }) => spec.service);
}

/**
 * Waits until `ready` accepts the one-off's task or the task has ended. Throws `unavailable` if it
 * is rejected or cannot be placed.
 */
async function waitForTask(
  cli: Cli,
  oneOff: OneOff,
  ready: (task: Task) => boolean,
): Promise<Task> {
  let found: Task | undefined;
  await followProject({
    client: oneOff.client,
    project: oneOff.project,
    progress: quietProgress,
    title: 'Running',
    evaluate: (state) => {
      const tasks = [...state.tasks.values()].filter((task) => task.service === oneOff.key);
      found = tasks.sort((a, b) => b.createdAt - a.createdAt)[0];
      const { state: now, error, message } = found?.status ?? {};
      if (now === 'rejected' || (now === 'failed' && found?.status.exitCode === undefined)) {
        return {
          rows: [],
          done: false,
          failure: error ?? message ?? 'the task was rejected',
          stuck: [],
        };
      }
      const stuck = now === 'pending' ? [found?.explanation?.summary ?? ''] : [];
      const done = found !== undefined && (ready(found) || isTerminal(found.status.state));
      return { rows: [], done, stuck: stuck.filter((text) => text !== '') };
    },
    signal: cli.interrupts.signal,
    now: cli.now,
    idleMs: Number.MAX_SAFE_INTEGER,
  });
  if (found === undefined) throw new AppError('internal', 'one-off container disappeared');
  return found;
}

/**
 * Attaches to the container before it starts and passes its streams through until it exits. Returns
 * its exit code, after the last byte of its output.
 */
async function streamContainer(cli: Cli, oneOff: OneOff): Promise<number> {
  const { client, project, key, tty, stdin } = oneOff;
  await waitForTask(cli, oneOff, isCreated);
  const ending = new AbortController();
  const signal = AbortSignal.any([cli.interrupts.signal, ending.signal]);
  const stream = await client.open('attach', { project, service: key, stdin, start: true }, signal);
  const size = new ResizeOnStart(cli);
  const session = runOnTerminal(size.cli, stream, {
    input: stdin ? cli.stdin : undefined,
    tty,
    detachKeys: '',
  });
  session.catch(() => undefined);
  try {
    // Fails if the container cannot be started: the session would never end.
    await waitForTask(cli, oneOff, (task) => task.status.startedAt !== undefined);
    size.started();
    await session;
    const ended = await waitForTask(cli, oneOff, (task) => isTerminal(task.status.state));
    return ended.status.exitCode ?? 1;
  } finally {
    ending.abort();
  }
}

function isCreated({ status }: Task): boolean {
  return stateRank(status.state) >= stateRank('ready');
}

/** Reports the terminal's size again after the start: a container has no terminal before. */
class ResizeOnStart {
  readonly cli: Cli;
  #listener: () => void = () => undefined;

  constructor(cli: Cli) {
    const { stdout } = cli;
    const onResize = (listener: () => void): (() => void) => {
      this.#listener = listener;
      return stdout.onResize(listener);
    };
    const watched: TextSink = {
      write: (data) => {
        stdout.write(data);
      },
      send: (data) => stdout.send(data),
      get isTTY() {
        return stdout.isTTY;
      },
      get columns() {
        return stdout.columns;
      },
      get rows() {
        return stdout.rows;
      },
      onResize,
    };
    this.cli = { ...cli, stdout: watched };
  }

  started(): void {
    this.#listener();
  }
}

async function remove(cli: Cli, oneOff: OneOff): Promise<void> {
  const { client, project, key } = oneOff;
  const signal = AbortSignal.timeout(60_000);
  const before = await lookOnce(client, project, signal);
  const { changes } = await client.call(
    'project.remove',
    { project, volumes: false, services: [key] },
    { signal },
  );
  await followProject({
    client,
    project,
    progress: quietProgress,
    title: 'Removing',
    evaluate: (state) => evaluateDown({ project, services: [key], changes, before }, state),
    signal,
    now: cli.now,
  });
}
