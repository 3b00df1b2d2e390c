import { addAbortSignal, type Duplex } from 'node:stream';
import { withDeadline } from '../../manager/common/base/cancellation.js';
import type { Clock } from '../../manager/common/base/clock.js';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { HookSpec } from '../../manager/common/model/container.js';
import type { ContainerAccess, RunningProcess } from '../executor/executor.js';
import { processOutput } from '../executor/demux.js';

export type HookKind = 'post_start' | 'pre_stop';

/**
 * Time limit of one hook, in minutes. A hook that exceeds it counts as failed, but may continue in its
 * container.
 */
const hookMinutes = 10;
/** Bytes kept from the end of a hook's output for the error message. */
const tailBytes = 4_096;

/**
 * Runs hooks in a container one after another. On a non-zero status it throws docker compose's
 * message with the last line of output.
 */
export async function runHooks(
  access: Pick<ContainerAccess, 'exec'>,
  containerId: string,
  hooks: readonly HookSpec[],
  options: { readonly kind: HookKind; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const { kind, clock, signal } = options;
  const message = `${kind} hook timed out after ${hookMinutes} minutes`;
  const late = (): AppError => new AppError('internal', message);
  for (const hook of hooks) {
    await withDeadline({ clock, limitMs: hookMinutes * 60_000, signal, late }, (limited) =>
      runHook(access, containerId, hook, { kind, signal: limited }),
    );
  }
}

async function runHook(
  access: Pick<ContainerAccess, 'exec'>,
  containerId: string,
  hook: HookSpec,
  { kind, signal }: { readonly kind: HookKind; readonly signal: AbortSignal },
): Promise<void> {
  const process = await access.exec(
    containerId,
    {
      command: hook.command,
      env: Object.entries(hook.env).map(([name, value]) =>
        value === null ? name : `${name}=${value}`,
      ),
      ...(hook.user === undefined ? {} : { user: hook.user }),
      ...(hook.workingDir === undefined ? {} : { workingDir: hook.workingDir }),
      privileged: hook.privileged,
      tty: false,
      stdin: false,
      detach: false,
    },
    signal,
  );
  const lastOutput = await lastLine(process, signal);
  const status = await process.exitCode(signal);
  if (status === 0) return;
  const message = `${kind} hook exited with status ${String(status)}`;
  throw new AppError('internal', lastOutput === '' ? message : `${message}: ${lastOutput}`);
}

/**
 * Reads the output to its end, so that a hook is never blocked on a full pipe, and returns the last
 * line.
 */
async function lastLine(
  { stream, tty }: Pick<RunningProcess, 'stream' | 'tty'>,
  signal: AbortSignal,
): Promise<string> {
  if (stream === undefined) return '';
  let tail = Buffer.alloc(0);
  addAbortSignal(signal, stream as unknown as Duplex);
  try {
    stream.end();
    for await (const outputs of processOutput(stream, tty)) {
      for (const { data } of outputs) {
        tail = Buffer.concat([tail, data]).subarray(-tailBytes);
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new AppError('unavailable', `hook output was lost: ${messageOf(error)}`);
  }
  return tail.toString('utf8').trim().split('\n').at(-1)?.trim() ?? '';
}
