import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs } from '../../../manager/common/base/backoff.js';
import { boolean, integer, nullable, object } from '../../../manager/common/base/decode.js';
import type { ExecOptions, LogOptions } from '../../../manager/common/protocol/worker-calls.js';
import type { RunningProcess } from '../executor.js';
import { decoded, type EngineClient } from './client.js';
import { shortId } from './containers.js';

/**
 * Reads an exit code until there is one: the engine closes the streams of a process before it
 * records the exit, and a process may outlive its output.
 */
async function untilExited(
  read: () => Promise<number | undefined>,
  signal: AbortSignal,
): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const code = await read();
    if (code !== undefined) return code;
    await delay(backoffMs({ firstMs: 20, maxMs: 1_000 }, attempt, 1), undefined, { signal });
  }
}

interface ExecState {
  readonly Running: boolean;
  readonly ExitCode: number | null;
}

function exitOf({ Running: isRunning, ExitCode: code }: ExecState): number | undefined {
  return isRunning ? undefined : (code ?? 0);
}

const execState = object<ExecState>({ Running: boolean, ExitCode: nullable(integer) });

interface ContainerTty {
  readonly Config: { readonly Tty: boolean };
}

const containerTty = object<ContainerTty>({
  Config: object<ContainerTty['Config']>({ Tty: boolean }),
});

interface ContainerExit {
  readonly State: { readonly Running: boolean; readonly ExitCode: number };
}

const containerExit = object<ContainerExit>({
  State: object<ContainerExit['State']>({ Running: boolean, ExitCode: integer }),
});

/** Starts an exec process in a container. */
export async function execInContainer(
  client: EngineClient,
  containerId: string,
  options: ExecOptions,
  signal: AbortSignal,
): Promise<RunningProcess> {
  const operation = `exec in container ${shortId(containerId)}`;
  const exec = await client.call(
    operation,
    (docker, abortSignal) =>
      docker.getContainer(containerId).exec({
        Cmd: [...options.command],
        Env: [...options.env],
        ...(options.user === undefined ? {} : { User: options.user }),
        ...(options.workingDir === undefined ? {} : { WorkingDir: options.workingDir }),
        Privileged: options.privileged,
        Tty: options.tty,
        AttachStdin: options.stdin && !options.detach,
        AttachStdout: !options.detach,
        AttachStderr: !options.detach,
        abortSignal,
      }),
    signal,
  );
  const stream = await client.open(
    operation,
    (_docker, abortSignal) =>
      options.detach
        ? exec.start({ Detach: true, abortSignal })
        : exec.start({ Detach: false, Tty: options.tty, hijack: true, stdin: true, abortSignal }),
    signal,
  );
  const process: RunningProcess = {
    stream: options.detach ? undefined : stream,
    tty: options.tty,
    async resize(columns, rows, resizeSignal) {
      await client.call(
        operation,
        (_docker, abortSignal) =>
          exec.resize({ h: rows, w: columns, abortSignal }) as Promise<unknown>,
        resizeSignal,
        10_000,
      );
    },
    async exitCode(exitSignal) {
      if (options.detach) return 0;
      const inspect = decoded(execState, (_docker, abortSignal) => exec.inspect({ abortSignal }));
      return await untilExited(
        async () => exitOf(await client.call(operation, inspect, exitSignal, 10_000)),
        exitSignal,
      );
    },
  };
  if (options.columns !== undefined && options.rows !== undefined) {
    // A process that has already exited has no TTY.
    await process.resize(options.columns, options.rows, signal).catch(() => undefined);
  }
  return process;
}

/**
 * Attaches to the streams of the container's main process. A container that was only created is
 * attached too: its output then arrives from the first byte.
 */
export async function attachTo(
  client: EngineClient,
  containerId: string,
  { stdin }: { readonly stdin: boolean },
  signal: AbortSignal,
): Promise<RunningProcess> {
  const operation = `attach to container ${shortId(containerId)}`;
  const { Config: config } = await client.call(
    operation,
    decoded(containerTty, (docker, abortSignal) =>
      docker.getContainer(containerId).inspect({ abortSignal }),
    ),
    signal,
  );
  const stream = await client.open(
    operation,
    (docker, abortSignal) =>
      docker.getContainer(containerId).attach({
        stream: true,
        stdin,
        stdout: true,
        stderr: true,
        hijack: true,
        abortSignal,
      }),
    signal,
  );
  return {
    stream,
    tty: config.Tty,
    async resize(columns, rows, resizeSignal) {
      await client.call(
        operation,
        (docker, abortSignal) =>
          docker
            .getContainer(containerId)
            .resize({ h: rows, w: columns, abortSignal }) as Promise<unknown>,
        resizeSignal,
        10_000,
      );
    },
    async exitCode(exitSignal) {
      return await untilExited(async () => {
        const { State: state } = await client.call(
          operation,
          decoded(containerExit, (docker, abortSignal) =>
            docker.getContainer(containerId).inspect({ abortSignal }),
          ),
          exitSignal,
        );
        return state.Running ? undefined : state.ExitCode;
      }, exitSignal);
    },
  };
}

/** Opens the container's log; each line starts with the engine's timestamp. */
export async function openLog(
  client: EngineClient,
  containerId: string,
  options: LogOptions,
  signal: AbortSignal,
): Promise<{ stream: NodeJS.ReadableStream; tty: boolean }> {
  const operation = `read the log of container ${shortId(containerId)}`;
  const { Config: config } = await client.call(
    operation,
    decoded(containerTty, (docker, abortSignal) =>
      docker.getContainer(containerId).inspect({ abortSignal }),
    ),
    signal,
    15_000,
  );
  const range = {
    ...(options.tail === undefined ? {} : { tail: options.tail }),
    ...(options.sinceMs === undefined ? {} : { since: options.sinceMs / 1000 }),
    ...(options.untilMs === undefined ? {} : { until: options.untilMs / 1000 }),
  };
  const query = { stdout: true, stderr: true, timestamps: true, follow: options.follow, ...range };
  const stream = await client.stream(operation, `/containers/${containerId}/logs`, query, signal);
  return { stream, tty: config.Tty };
}
