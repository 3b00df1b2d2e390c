import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { HookSpec } from '../../manager/common/model/container.js';
import type { Executor } from '../executor/executor.js';
import { Demux } from '../logs/demux.js';

export type HookKind = 'post_start' | 'pre_stop';

/** One hook has this long; then it counts as failed. It may run on in its container. */
const hookDeadlineMs = 10 * 60_000;
/** Of what a hook puts out, this much of the end is looked at for a message. */
const tailBytes = 4_096;

/**
 * Runs hooks in a container, one after the other. Throws with docker compose's words when one ends with
 * another status than 0, and what it said last.
 */
export async function runHooks(
  executor: Pick<Executor, 'exec'>,
  containerId: string,
  hooks: readonly HookSpec[],
  how: { readonly kind: HookKind; readonly signal: AbortSignal },
): Promise<void> {
  for (const hook of hooks) {
    const deadline = AbortSignal.timeout(hookDeadlineMs);
    try {
      await runHook(executor, containerId, hook, {
        kind: how.kind,
        signal: AbortSignal.any([how.signal, deadline]),
      });
    } catch (error) {
      if (!deadline.aborted || how.signal.aborted) throw error;
      const minutes = String(hookDeadlineMs / 60_000);
      throw new AppError('internal', `${how.kind} hook did not end within ${minutes} minutes`);
    }
  }
}

async function runHook(
  executor: Pick<Executor, 'exec'>,
  containerId: string,
  hook: HookSpec,
  { kind, signal }: { readonly kind: HookKind; readonly signal: AbortSignal },
): Promise<void> {
  const process = await executor.exec(
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
  const said = await lastLine(process.stream, signal);
  const status = await process.exitCode(signal);
  if (status === 0) return;
  const message = `${kind} hook exited with status ${String(status)}`;
  throw new AppError('internal', said === '' ? message : `${message}: ${said}`);
}

/** Reads to the end; a hook that says much must not wait for us. */
async function lastLine(
  stream: NodeJS.ReadWriteStream | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (stream === undefined) return '';
  const demux = new Demux();
  let tail = Buffer.alloc(0);
  const stop = (): void => {
    (stream as unknown as { destroy(): void }).destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    stream.end();
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      for (const { data } of demux.push(chunk)) {
        tail = Buffer.concat([tail, data]).subarray(-tailBytes);
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new AppError('unavailable', `the output of a hook was lost: ${messageOf(error)}`);
  } finally {
    signal.removeEventListener('abort', stop);
  }
  signal.throwIfAborted();
  return tail.toString('utf8').trim().split('\n').at(-1)?.trim() ?? '';
}
