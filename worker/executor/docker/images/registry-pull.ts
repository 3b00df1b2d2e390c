import type { Clock } from '../../../../manager/common/base/clock.js';
import {
  AppError,
  isAppError,
  isUnavailable,
  messageOf,
} from '../../../../manager/common/base/errors.js';
import type { ContainerSpec } from '../../../../manager/common/model/container.js';
import { runReference } from '../../../../manager/common/model/trust/image-record.js';
import type { ProgressCallback } from '../../executor.js';
import { JsonLines } from '../../json-lines.js';
import { translateError, type EngineClient } from '../client.js';
import { progressLine } from './image-answers.js';
import { PullMeter } from './pull-progress.js';
import { toReference } from './reference.js';

/**
 * Limits on silence during a pull: with an unreachable registry the engine may block for minutes.
 */
const firstProgressTimeoutMs = 60_000;
const nextProgressTimeoutMs = 300_000;

interface Puller {
  readonly client: EngineClient;
  readonly nodeName: string;
  readonly clock: Clock;
}

/**
 * Pulls the image of a spec without credentials. Throws `not-found` if the registry does not provide
 * it or stays silent; other errors are the engine's.
 */
export async function pullFromRegistry(
  { client, nodeName, clock }: Puller,
  spec: ContainerSpec,
  progress: ProgressCallback,
): Promise<void> {
  const image = runReference(spec);
  const silence = new AbortController();
  const onSilence = (): void => {
    silence.abort(new AppError('timeout', 'registry did not respond in time'));
  };
  let cancelTimer = clock.after(firstProgressTimeoutMs, onSilence);
  progress(`pulling ${image}`);
  try {
    const stream = await client.open(
      `pull ${image}`,
      (docker, abortSignal) =>
        docker.createImage({
          ...toReference(image),
          ...(spec.platform === undefined ? {} : { platform: spec.platform }),
          abortSignal,
        }),
      silence.signal,
    );
    const lines = new JsonLines(progressLine, `pull ${image}: engine answer`);
    const meter = new PullMeter();
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      cancelTimer();
      cancelTimer = clock.after(nextProgressTimeoutMs, onSilence);
      const percentage = meter.read(lines.push(chunk));
      if (percentage !== undefined) progress(`pulling ${image}: ${percentage}`);
    }
  } catch (error) {
    const reason: unknown = silence.signal.aborted ? silence.signal.reason : error;
    // An engine that became unreachable has given no final answer: the pull is retried.
    if (!isAppError(reason) || isUnavailable(reason)) throw translateError(error, `pull ${image}`);
    throw new AppError(
      'not-found',
      `image ${image} is not on node ${nodeName} and cannot be pulled: ${messageOf(reason).replace(`pull ${image}: `, '')}`,
      { cause: error },
    );
  } finally {
    cancelTimer();
  }
}
