import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import { isOneOff } from '../../../manager/common/model/one-off.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import type { Cli } from '../../cli.js';
import type { ControlClient } from '../../client/client.js';
import type { TaskLogLine } from '../../../manager/common/protocol/control.js';
import { logs } from '../../client/stream.js';
import { runSession } from '../../client/terminal-session.js';
import type { Project } from '../../compose/model.js';
import { ExitError } from '../../exit-code.js';
import { quietProgress } from '../../output/progress.js';
import { terminalEnds } from '../container/exec.js';
import { judgeDown } from '../../rollout/follow/down-state.js';
import { follow, lookOnce } from '../../rollout/follow/follow.js';
import { followUp } from '../../rollout/follow-up.js';
import { collect } from '../../arguments/options.js';
import { loadFile } from '../../project/load-request.js';
import { oneOffSpec } from '../../rollout/run-spec.js';
import { withProgress } from '../../project/showing.js';
import { toApply } from '../../rollout/up-apply.js';
import { prepareImages } from '../../rollout/up-images.js';

interface RunFlags {
  readonly build?: boolean;
  readonly deps: boolean;
  readonly detach?: boolean;
  readonly entrypoint?: string;
  readonly env?: readonly string[];
  readonly interactive?: boolean;
  readonly label?: readonly string[];
  readonly name?: string;
  readonly publish?: readonly string[];
  readonly pull?: string;
  readonly rm?: boolean;
  readonly servicePorts?: boolean;
  /** False with `-T`. */
  readonly tty: boolean;
  readonly useAliases?: boolean;
  readonly user?: string;
  readonly volume?: readonly string[];
  readonly workdir?: string;
}

export function runCommand(cli: Cli): Command {
  return new Command('run')
    .description('Run a one-off command on a service, on a node that fits; ends with its exit code')
    .argument('<service>')
    .argument('[command...]')
    .passThroughOptions()
    .option('--build', 'build the image before')
    .option('--no-deps', "don't start linked services")
    .option('-d, --detach', "run in the background and print the container's name")
    .option('--entrypoint <command>', 'override the entrypoint of the image')
    .option('-e, --env <variable>', 'set environment variables', collect)
    .option('-i, --interactive', 'keep the input open (always, unless -d)')
    .option('-l, --label <label>', 'add a label', collect)
    .option('--name <name>', 'name of the container')
    .option('-p, --publish <port>', 'publish a port', collect)
    .option('--pull <policy>', 'pull before: always, missing or never')
    .option('--rm', 'remove the container when it ends')
    .option('-P, --service-ports', "publish the service's ports")
    .option('-T, --no-tty', 'do not allocate a terminal')
    .option('--use-aliases', "use the service's names in its networks")
    .option('-u, --user <user>', 'run as this user')
    .option('-v, --volume <volume>', 'add a volume', collect)
    .option('-w, --workdir <path>', 'working directory in the container')
    .action(async (service: string, command: string[], flags: RunFlags) => {
      await run(cli, service, command, flags);
    });
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
  const client = await cli.connect({ startLocal: true });
  const detached = flags.detach === true;
  const tty = flags.tty && !detached && cli.stdin.isTTY && cli.stdout.isTTY;
  const stdin = !detached && (tty || !cli.stdin.isTTY);
  const { key, containerName } = await start(cli, {
    client,
    project,
    service,
    command,
    flags,
    tty,
    stdin,
  });
  const oneOff = { client, project: project.name, key, tty, stdin };
  if (detached) {
    await becomes(cli, oneOff, (task) => task.status.startedAt !== undefined);
    cli.stdout.write(`${containerName}\n`);
    return;
  }
  const code = await converse(cli, oneOff).finally(() =>
    flags.rm === true ? remove(cli, oneOff) : undefined,
  );
  if (code !== 0) throw new ExitError(code);
}

interface Starting {
  readonly client: ControlClient;
  readonly project: Project;
  readonly service: string;
  readonly command: readonly string[];
  readonly flags: RunFlags;
  readonly tty: boolean;
  readonly stdin: boolean;
}

/** Starts what the service needs, then the container itself. */
async function start(
  cli: Cli,
  starting: Starting,
): Promise<{ readonly key: string; readonly containerName: string }> {
  const { client, project, service, flags } = starting;
  const { signal } = cli.interrupts;
  const whole = toApply({
    project,
    named: [service],
    flags: { deps: true },
    options: { mode: 'started', replicas: {}, graceMs: undefined },
  });
  const spec = whole.services.find((item) => item.service === service);
  if (spec === undefined) throw new AppError('not-found', `no such service: ${service}`);
  const before = await lookOnce(client, project.name, signal);
  const others = flags.deps ? whole.services.filter((item) => item !== spec) : [];
  const keys = [...others.map((item) => item.service), service];
  await prepareImages(cli, {
    client,
    project,
    keys,
    before,
    flags: {
      ...(flags.build === undefined ? {} : { build: flags.build }),
      ...(flags.pull === undefined ? {} : { pull: flags.pull }),
    },
  });
  const own = oneOffSpec(spec, wishOf(cli, starting));
  const known = [...whole.known, own.service, ...runsOf(before)];
  const apply = { ...whole, known, services: [...others, own] };
  const applied = await client.call('project.apply', apply, { signal, timeoutMs: 60_000 });
  if (others.length > 0) {
    await withProgress(cli, (progress) =>
      followUp(cli, progress, {
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

/** Other one-off containers are no orphans. */
function runsOf(before: Awaited<ReturnType<typeof lookOnce>>): readonly string[] {
  return [...before.services.values()].filter(isOneOff).map(({ spec }) => spec.service);
}

function wishOf(cli: Cli, { project, command, flags, tty, stdin }: Starting) {
  const pairs = (items: readonly string[] = [], bare: (name: string) => string) =>
    Object.fromEntries(
      items.map((item) => {
        const at = item.indexOf('=');
        return at < 0 ? [item, bare(item)] : [item.slice(0, at), item.slice(at + 1)];
      }),
    );
  const { entrypoint, name, user, workdir } = flags;
  return {
    slug: randomBytes(6).toString('hex'),
    command,
    env: pairs(flags.env, (variable) => cli.env[variable] ?? ''),
    labels: pairs(flags.label, () => ''),
    volumes: flags.volume ?? [],
    publish: flags.publish ?? [],
    servicePorts: flags.servicePorts === true,
    useAliases: flags.useAliases === true,
    deps: flags.deps,
    tty,
    stdin,
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

/** Waits until the one task is as asked, or has ended, or cannot be. */
async function becomes(cli: Cli, of: OneOff, ready: (task: Task) => boolean): Promise<Task> {
  let found: Task | undefined;
  await follow({
    client: of.client,
    project: of.project,
    progress: quietProgress,
    title: 'Running',
    judge: (state) => {
      const tasks = [...state.tasks.values()].filter((task) => task.service === of.key);
      found = tasks.sort((a, b) => b.createdAt - a.createdAt)[0];
      const { state: now, error, message } = found?.status ?? {};
      if (now === 'rejected' || (now === 'failed' && found?.status.exitCode === undefined)) {
        return { rows: [], done: false, failure: error ?? message ?? 'it was refused', stuck: [] };
      }
      const stuck = now === 'pending' ? [found?.explanation?.summary ?? ''] : [];
      const done = found !== undefined && (ready(found) || isTerminal(found.status.state));
      return { rows: [], done, stuck: stuck.filter((text) => text !== '') };
    },
    signal: cli.interrupts.signal,
    now: cli.now,
    idleMs: Number.MAX_SAFE_INTEGER,
  });
  if (found === undefined) throw new AppError('internal', 'the container is gone');
  return found;
}

/** Output, input and Ctrl-C between here and the container, until it ends. Returns its exit code. */
async function converse(cli: Cli, of: OneOff): Promise<number> {
  const { client, project, key } = of;
  const running = await becomes(cli, of, (task) => task.status.startedAt !== undefined);
  const over = isTerminal(running.status.state);
  if (of.tty && !over) {
    const args = { project, service: key, stdin: true, replay: true };
    const stream = await client.open('attach', args, cli.interrupts.signal);
    await runSession(stream, terminalEnds(cli, { input: cli.stdin, tty: true, detachKeys: '' }));
  } else {
    await plain(cli, of, !over && of.stdin);
  }
  const ended = await becomes(cli, of, (task) => isTerminal(task.status.state));
  return ended.status.exitCode ?? 1;
}

/**
 * The output is read from the log, which has all of it from the start; the input goes by an attachment.
 * A followed log goes on for what may start later, so it is left when the container has ended, and the
 * rest is read from the whole log.
 */
async function plain(cli: Cli, of: OneOff, withInput: boolean): Promise<void> {
  const { signal } = cli.interrupts;
  const ending = new AbortController();
  const live = AbortSignal.any([signal, ending.signal]);
  const input = withInput ? feed(cli, of, live) : undefined;
  const printer = linePrinter(cli);
  try {
    const following = printLog(of, { follow: true, signal: live, print: printer });
    await Promise.all([
      becomes(cli, of, (task) => isTerminal(task.status.state)).finally(() => {
        ending.abort();
      }),
      following.catch((error: unknown) => {
        if (!live.aborted) throw error;
      }),
    ]);
    await printLog(of, { follow: false, signal, print: printer });
  } finally {
    ending.abort();
    await input;
  }
}

interface LogReading {
  readonly follow: boolean;
  readonly signal: AbortSignal;
  readonly print: (line: TaskLogLine) => void;
}

async function printLog(of: OneOff, reading: LogReading): Promise<void> {
  const args = {
    project: of.project,
    services: [of.key],
    options: { follow: reading.follow },
  };
  for await (const lines of logs(of.client, args, reading.signal)) lines.forEach(reading.print);
}

/** Writes each line once: the engine's stamps have nine digits and only rise. */
function linePrinter(cli: Cli): (line: TaskLogLine) => void {
  let last = '';
  return ({ stamp, stream, text }) => {
    if (stamp <= last) return;
    last = stamp;
    (stream === 'stderr' ? cli.stderr : cli.stdout).write(`${text}\n`);
  };
}

async function feed(cli: Cli, of: OneOff, signal: AbortSignal): Promise<void> {
  const args = { project: of.project, service: of.key, stdin: true };
  try {
    const stream = await of.client.open('attach', args, signal);
    const silent = () => undefined;
    const ends = terminalEnds(cli, { input: cli.stdin, tty: false, detachKeys: '' });
    await runSession(stream, { ...ends, stdout: silent, stderr: silent });
  } catch {
    // The container has ended meanwhile: nobody reads the input any more.
  }
}

async function remove(cli: Cli, of: OneOff): Promise<void> {
  const { client, project, key } = of;
  const signal = AbortSignal.timeout(60_000);
  const before = await lookOnce(client, project, signal);
  const { changes } = await client.call(
    'project.remove',
    { project, volumes: false, services: [key] },
    { signal },
  );
  await follow({
    client,
    project,
    progress: quietProgress,
    title: 'Removing',
    judge: (state) => judgeDown({ project, services: [key], changes, before }, state),
    signal,
    now: cli.now,
  });
}
