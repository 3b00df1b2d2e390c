import {
  AppError,
  isAppError,
  isConflict,
  isNotFound,
  isUnavailable,
  messageOf,
  toAppError,
} from '../../../../manager/common/base/errors.js';
import type { Clock } from '../../../../manager/common/base/clock.js';
import type { ContainerSpec } from '../../../../manager/common/model/container.js';
import type { NodeImage } from '../../../../manager/common/protocol/worker-calls.js';
import type { ProgressCallback } from '../../executor.js';
import { JsonLines } from '../../json-lines.js';
import { decoded, translateError, type EngineClient } from '../client.js';
import { inspectedImage, progressLine, type InspectedImage } from './image-answers.js';
import { checkLine, PullMeter } from './pull-progress.js';
import type { ExpectedImage } from './verify-archive.js';
import { verifiedArchive } from './verify-archive.js';

export interface LocalImage {
  readonly id: string;
  /** True if the image defines a health check. */
  readonly hasHealthcheck: boolean;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `USER` of the image; empty means root. */
  readonly user?: string;
  /** Paths of the image's `VOLUME` instructions. */
  readonly volumes: readonly string[];
}

/** Fetches the image from another node of the cluster; returns that node's name. */
export type FetchFromPeer = (
  image: string,
  platform: string | undefined,
  signal: AbortSignal,
) => Promise<string>;

/** Signal for work that several tasks share; it is never aborted. */
const neverAborts = new AbortController().signal;

/**
 * Limits on silence during a pull: with an unreachable registry the engine may block for minutes.
 */
const firstProgressTimeoutMs = 60_000;
const nextProgressTimeoutMs = 300_000;

/**
 * The engine's images: inspected once and cached; concurrent pulls of the same image are shared.
 */
export class Images {
  readonly #client: EngineClient;
  readonly #nodeName: string;
  readonly #clock: Clock;
  readonly #cache = new Map<string, LocalImage>();
  /** Pulls in flight, by image, platform and recorded id. */
  readonly #pulls = new Map<string, Promise<void>>();
  /**
   * Images that other nodes sent for a recorded id, by name. Engines with another image store give
   * them another `id`, but their archives were verified.
   */
  readonly #fetched = new Map<string, { readonly id: string; readonly recordedId: string }>();
  #otherNodes: FetchFromPeer | undefined;

  constructor(client: EngineClient, nodeName: string, clock: Clock) {
    this.#client = client;
    this.#nodeName = nodeName;
    this.#clock = clock;
  }

  /** Sets the fallback for images that no registry provides. */
  setPeerFallback(otherNodes: FetchFromPeer): void {
    this.#otherNodes = otherNodes;
  }

  /** Invalidates the cache: tags move, images are removed. */
  invalidate(image?: string): void {
    if (image === undefined) this.#cache.clear();
    else this.#cache.delete(image);
  }

  /**
   * Returns the image after pulling it according to `pullPolicy`. If the registry cannot provide
   * it, a local copy or another node of the cluster is used. With `recordedId` no other content is
   * taken. Errors name image, node and reason.
   */
  async ensure(
    spec: ContainerSpec,
    recordedId: string | undefined,
    progress: ProgressCallback,
    signal: AbortSignal,
  ): Promise<LocalImage> {
    const { image, pullPolicy } = spec;
    if (pullPolicy !== 'always') {
      const local = await this.find(image, signal);
      if (local !== undefined && this.#isExpected(image, local, recordedId)) return local;
    }
    await this.#obtainOnce(spec, recordedId, progress, signal);
    const obtained = await this.find(image, signal);
    if (obtained === undefined) {
      throw new AppError(
        'not-found',
        `image ${image} is missing on node ${this.#nodeName} after the pull`,
      );
    }
    if (this.#isExpected(image, obtained, recordedId)) return obtained;
    throw new AppError(
      'not-found',
      `image ${image}: node ${this.#nodeName} can only get another content than the recorded one; build, pull or load it again`,
    );
  }

  #isExpected(image: string, { id }: LocalImage, recordedId: string | undefined): boolean {
    if (recordedId === undefined || recordedId === id) return true;
    const fetched = this.#fetched.get(image);
    return fetched?.id === id && fetched.recordedId === recordedId;
  }

  async find(image: string, signal: AbortSignal): Promise<LocalImage | undefined> {
    const cached = this.#cache.get(image);
    if (cached !== undefined) return cached;
    try {
      const seen = await this.#client.call(
        `inspect image ${image}`,
        decoded(inspectedImage, (docker) => docker.getImage(image).inspect()),
        signal,
        15_000,
      );
      const test = seen.Config.Healthcheck?.Test;
      const local = {
        id: seen.Id,
        hasHealthcheck: test !== undefined && test[0] !== 'NONE',
        entrypoint: seen.Config.Entrypoint,
        command: seen.Config.Cmd,
        user: seen.Config.User,
        volumes: Object.keys(seen.Config.Volumes),
      };
      this.#cache.set(image, local);
      return local;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async save(image: string, signal: AbortSignal): Promise<NodeJS.ReadableStream> {
    return await this.#client.open(
      `save image ${image}`,
      (docker) => docker.getImage(image).get(),
      signal,
    );
  }

  /** Loads an archive of another node. Throws `forbidden` if it is not of the expected image. */
  async load(
    archive: NodeJS.ReadableStream,
    expected: ExpectedImage,
    signal: AbortSignal,
  ): Promise<void> {
    const refused = new AbortController();
    const checked = verifiedArchive(archive, expected);
    // The engine waits for the rest of an archive whose request stays open.
    checked.once('error', (error) => {
      refused.abort(error);
    });
    const either = AbortSignal.any([signal, refused.signal]);
    try {
      const answer = await this.#client.open(
        'load an image',
        (docker, abortSignal) => docker.loadImage(checked, { abortSignal }),
        either,
      );
      const lines = new JsonLines(progressLine, 'load an image: engine answer');
      for await (const chunk of answer as AsyncIterable<Uint8Array>) {
        for (const line of lines.push(chunk)) checkLine(line);
      }
    } catch (error) {
      throw refused.signal.aborted ? refused.signal.reason : error;
    } finally {
      checked.destroy();
      this.invalidate();
    }
  }

  /** Inspects the image, bypassing the cache. */
  async inspect(image: string, signal: AbortSignal): Promise<NodeImage | undefined> {
    try {
      const seen = await this.#client.call(
        `inspect image ${image}`,
        decoded(inspectedImage, (docker) => docker.getImage(image).inspect()),
        signal,
        15_000,
      );
      return {
        id: seen.Id,
        platform: [seen.Os, seen.Architecture, seen.Variant]
          .filter((part) => part !== '')
          .join('/'),
        sizeBytes: seen.Size,
        createdAt: Math.max(0, Date.parse(seen.Created)) || 0,
        ...taggedAt(seen),
        layers: seen.RootFS.Layers,
      };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Fetches the image from another node, even if a local image has this name. */
  async fetch(image: string, platform: string | undefined, signal: AbortSignal): Promise<void> {
    if (this.#otherNodes === undefined) {
      throw new AppError('unsupported', 'this worker cannot fetch images from other nodes');
    }
    await this.#otherNodes(image, platform, signal);
    this.invalidate(image);
  }

  /** Removes an image; false if it is absent or in use by a container. */
  async remove(image: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#client.call(
        `remove image ${image}`,
        (docker) => docker.getImage(image).remove({}) as Promise<unknown>,
        signal,
        30_000,
      );
      this.invalidate(image);
      return true;
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return false;
      throw error;
    }
  }

  async #obtainOnce(
    spec: ContainerSpec,
    recordedId: string | undefined,
    progress: ProgressCallback,
    signal: AbortSignal,
  ): Promise<void> {
    const key = `${spec.image} ${spec.platform ?? ''} ${recordedId ?? ''}`;
    let pull = this.#pulls.get(key);
    if (pull === undefined) {
      // Independent of one task's signal: other tasks may wait for the same pull.
      pull = this.#obtain(spec, recordedId, progress).finally(() => {
        this.#pulls.delete(key);
      });
      this.#pulls.set(key, pull);
    }
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new AppError('cancelled', `pull of ${spec.image}: cancelled`));
      });
    });
    await Promise.race([pull, aborted]);
  }

  async #obtain(
    spec: ContainerSpec,
    recordedId: string | undefined,
    progress: ProgressCallback,
  ): Promise<void> {
    const { image, pullPolicy, platform } = spec;
    const policy = pullPolicy === 'never' ? '; its pull policy is never' : undefined;
    let refusal = new AppError(
      'not-found',
      `image ${image} is not on node ${this.#nodeName}${policy ?? ''}`,
    );
    if (pullPolicy !== 'never') {
      try {
        await this.#pull(spec, progress);
        this.invalidate(image);
        const pulled = await this.find(image, neverAborts);
        if (pulled === undefined || this.#isExpected(image, pulled, recordedId)) return;
        refusal = new AppError(
          'not-found',
          `image ${image}: its registry now has another content than the recorded one`,
        );
      } catch (error) {
        // Only an answer of the registry leads to the fallback; an unreachable engine is retried.
        if (!isNotFound(error)) throw error;
        refusal = toAppError(error);
      }
      // With `always`, `up` has already pulled the image with the user's credentials, which the
      // worker does not have.
      if (pullPolicy === 'always' && (await this.find(image, neverAborts)) !== undefined) return;
    }
    await this.#fromOtherNodes(image, platform, refusal, progress);
    this.invalidate(image);
    const fetched = await this.find(image, neverAborts);
    if (fetched !== undefined && recordedId !== undefined) {
      this.#fetched.set(image, { id: fetched.id, recordedId });
    }
  }

  async #fromOtherNodes(
    image: string,
    platform: string | undefined,
    refusal: AppError,
    progress: ProgressCallback,
  ): Promise<void> {
    if (this.#otherNodes === undefined) throw refusal;
    progress(`fetching ${image} from another node`);
    try {
      await this.#otherNodes(image, platform, neverAborts);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      throw new AppError('not-found', `${refusal.message}; ${messageOf(error)}`, { cause: error });
    }
  }

  async #pull(spec: ContainerSpec, progress: ProgressCallback): Promise<void> {
    const { image } = spec;
    const silence = new AbortController();
    const onSilence = (): void => {
      silence.abort(new AppError('timeout', 'registry did not respond in time'));
    };
    let cancelTimer = this.#clock.after(firstProgressTimeoutMs, onSilence);
    progress(`pulling ${image}`);
    try {
      const stream = await this.#client.open(
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
        cancelTimer = this.#clock.after(nextProgressTimeoutMs, onSilence);
        const percentage = meter.read(lines.push(chunk));
        if (percentage !== undefined) progress(`pulling ${image}: ${percentage}`);
      }
    } catch (error) {
      const reason: unknown = silence.signal.aborted ? silence.signal.reason : error;
      // An engine that became unreachable has given no final answer: the pull is retried.
      if (!isAppError(reason) || isUnavailable(reason))
        throw translateError(error, `pull ${image}`);
      throw new AppError(
        'not-found',
        `image ${image} is not on node ${this.#nodeName} and cannot be pulled: ${messageOf(reason).replace(`pull ${image}: `, '')}`,
        { cause: error },
      );
    } finally {
      cancelTimer();
    }
  }
}

/**
 * Splits a reference for a pull. Adds `latest`, as without a tag or digest the engine would pull
 * every tag of the repository.
 */
export function toReference(image: string): { readonly fromImage: string; readonly tag?: string } {
  if (image.includes('@')) return { fromImage: image };
  const slash = image.lastIndexOf('/');
  const colon = image.lastIndexOf(':');
  if (colon > slash) return { fromImage: image.slice(0, colon), tag: image.slice(colon + 1) };
  return { fromImage: image, tag: 'latest' };
}

/** Last tag time; the engine reports year 1 for an image never tagged locally. */
function taggedAt({ Metadata }: InspectedImage): { readonly taggedAt?: number } {
  const at = Date.parse(Metadata?.LastTagTime ?? '');
  return at > 0 ? { taggedAt: at } : {};
}

/**
 * Command line of process 1. As in the engine, an entrypoint in the spec discards the image's
 * command.
 */
export function effectiveCommand(spec: ContainerSpec, image: LocalImage): readonly string[] {
  const command = spec.command ?? (spec.entrypoint === undefined ? image.command : []);
  return [...(spec.entrypoint ?? image.entrypoint), ...command];
}
