import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs } from '../../manager/common/base/backoff.js';
import { AppError, isAppError } from '../../manager/common/base/errors.js';
import type { Upload } from '../bundle/runtime.js';
import { byteMeter, meterBar, metered } from '../output/meter.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import { openFileStream } from '../ssh/ssh.js';

const uploadTimeoutMs = 10 * 60_000;
const reconnectTimeoutMs = 15_000;
const maxAttempts = 4;
const backoff = { firstMs: 1_000, maxMs: 8_000 };

export interface UploadTarget {
  readonly machine: Pick<RemoteMachine, 'name' | 'script'> & {
    readonly session: Pick<RemoteMachine['session'], 'isLost' | 'reconnect'>;
  };
  /** Called with the progress meter as bytes are sent, and with a line for each retry. */
  readonly onOutput: (text: string) => void;
  /** Ends the upload, a pause or an attempt to reconnect. */
  readonly signal?: AbortSignal | undefined;
  /** Replaces the pause between attempts; for tests. */
  readonly pause?: (ms: number) => Promise<void>;
}

/**
 * Sends a file to a script on the machine. If the connection is lost, reconnects and sends the file
 * again, up to four times in all with back-off: the script replaces its target only when the whole
 * file has arrived. Any other failure ends the upload, with a remedy where one is known.
 */
export async function upload(
  { machine, onOutput, signal, pause = (ms) => pauseFor(ms, signal) }: UploadTarget,
  what: string,
  script: string,
  file: Upload,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (machine.session.isLost)
        await machine.session.reconnect({ timeoutMs: reconnectTimeoutMs, signal });
      await machine.script(`upload ${what}`, script, [file.sum], {
        stdin: metered(openFileStream(file.gzipPath), (sent) => {
          onOutput(meterBar(byteMeter(sent, file.gzipBytes)));
        }),
        timeoutMs: uploadTimeoutMs,
      });
      return;
    } catch (error) {
      signal?.throwIfAborted();
      const isRetried = machine.session.isLost && isTemporary(error) && attempt < maxAttempts;
      if (!isRetried) throw withRemedy(error, machine.name, what, file);
      onOutput(`connection lost; sending ${what} again`);
      await pause(backoffMs(backoff, attempt, 0.5));
    }
  }
}

/** Waits; throws the signal's reason once it is aborted. */
async function pauseFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

function isTemporary(error: unknown): boolean {
  return isAppError(error) && error.temporary;
}

function withRemedy(error: unknown, machine: string, what: string, file: Upload): unknown {
  const detail = isAppError(error) ? (error.detail ?? '') : '';
  if (/no space left/iu.test(detail)) {
    return new AppError(
      'unavailable',
      `${machine}: no space left in /opt/shoal for ${what} (${formatMegabytes(file.bytes)} needed); free disk space and try again`,
      { detail, cause: error },
    );
  }
  if (/GLIBC|not found|Exec format|libstdc/u.test(detail)) {
    return new AppError(
      'unsupported',
      `${machine}: the Node runtime of this computer does not run on it; set --runtime to the bin/node of an official build`,
      { detail, cause: error },
    );
  }
  return error;
}

export function formatMegabytes(bytes: number): string {
  return `${String(Math.ceil(bytes / 1_000_000))} MB`;
}
