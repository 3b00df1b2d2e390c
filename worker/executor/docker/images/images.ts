import { untilAborted } from '../../../../manager/common/base/cancellation.js';
import {
  AppError,
  isConflict,
  isNotFound,
  isUnavailable,
  messageOf,
  toAppError,
} from '../../../../manager/common/base/errors.js';
import type { Clock } from '../../../../manager/common/base/clock.js';
import type { ContainerSpec } from '../../../../manager/common/model/container.js';
import {
  pinnedReference,
  runReference,
} from '../../../../manager/common/model/trust/image-record.js';
import type { NodeImage } from '../../../../manager/common/protocol/worker-calls.js';
import type { ProgressCallback } from '../../executor.js';
import { decoded, type EngineClient } from '../client.js';
import { FetchedCopies } from './fetched-copies.js';
import { inspectedImage, type InspectedImage } from './image-answers.js';
import { loadVerified } from './load-archive.js';
import type { LocalImage } from './local-image.js';
import { toLocalImage, toNodeImage } from './local-image.js';
import { toReference } from './reference.js';
import { pullFromRegistry } from './registry-pull.js';
import type { ExpectedImage } from './verify-archive.js';

/** Fetches the image from another node of the cluster; returns that node's name. */
export type FetchFromPeer = (
  image: string,
  platform: string | undefined,
  signal: AbortSignal,
) => Promise<string>;

/** Signal for work that several tasks share; it is never aborted. */
const neverAborts = new AbortController().signal;

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
  readonly #fetched = new FetchedCopies();
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
   * taken; a pinned image has the content of its digest. Errors name image, node and reason.
   */
  async ensure(
    spec: ContainerSpec,
    recordedId: string | undefined,
    progress: ProgressCallback,
    signal: AbortSignal,
  ): Promise<LocalImage> {
    const { image, imageDigest } = spec;
    // The content of a digest is never outdated.
    if (spec.pullPolicy !== 'always' || imageDigest !== undefined) {
      const local = await this.findFor(spec, recordedId, signal);
      if (local !== undefined && this.#mayRun(spec, local, recordedId)) {
        await this.#tag(spec, local, signal);
        return local;
      }
    }
    await this.#obtainOnce(spec, recordedId, progress, signal);
    const obtained = await this.findFor(spec, recordedId, signal);
    if (obtained === undefined) {
      throw new AppError(
        'not-found',
        `image ${runReference(spec)} is missing on node ${this.#nodeName} after the pull`,
      );
    }
    if (!this.#mayRun(spec, obtained, recordedId)) {
      throw new AppError(
        'not-found',
        `image ${image}: node ${this.#nodeName} can only get another content than the recorded one; build, pull or load it again`,
      );
    }
    await this.#tag(spec, obtained, signal);
    return obtained;
  }

  /**
   * The node's image for containers of the spec. A pinned one is found by its digest, or by its id if
   * another node has sent it: a copy has no digest.
   */
  async findFor(
    spec: Pick<ContainerSpec, 'image' | 'imageDigest'>,
    recordedId: string | undefined,
    signal: AbortSignal,
  ): Promise<LocalImage | undefined> {
    const reference = runReference(spec);
    const named = await this.find(reference, signal);
    if (named !== undefined || spec.imageDigest === undefined) return named;
    for (const id of [recordedId, this.#fetched.idOf(reference)]) {
      const copy = id === undefined ? undefined : await this.find(id, signal);
      if (copy !== undefined) return copy;
    }
    return undefined;
  }

  /** Gives a pulled digest the name that it was resolved from. */
  async tagPinned(
    { image, digest }: { readonly image: string; readonly digest: string },
    signal: AbortSignal,
  ): Promise<void> {
    const pulled = await this.find(pinnedReference(image, digest), signal);
    if (pulled !== undefined) await this.#tag({ image, imageDigest: digest }, pulled, signal);
  }

  /** Names a pinned image, unless the name is of an image that only this node may have. */
  async #tag(
    { image, imageDigest }: Pick<ContainerSpec, 'image' | 'imageDigest'>,
    { id }: LocalImage,
    signal: AbortSignal,
  ): Promise<void> {
    if (imageDigest === undefined) return;
    const named = await this.find(image, signal);
    if (named?.id === id || named?.isPublished === false) return;
    const { fromImage: repo, tag = 'latest' } = toReference(image);
    await this.#client.call(
      `tag image ${image}`,
      (docker) => docker.getImage(id).tag({ repo, tag }) as Promise<unknown>,
      signal,
      15_000,
    );
    this.invalidate(image);
  }

  #mayRun(
    { image, imageDigest }: ContainerSpec,
    local: LocalImage,
    recordedId: string | undefined,
  ): boolean {
    return imageDigest !== undefined || this.#isExpected(image, local, recordedId);
  }

  #isExpected(image: string, { id }: LocalImage, recordedId: string | undefined): boolean {
    if (recordedId === undefined || recordedId === id) return true;
    return this.#fetched.isOf(image, { id, recordedId });
  }

  async find(image: string, signal: AbortSignal): Promise<LocalImage | undefined> {
    const cached = this.#cache.get(image);
    if (cached !== undefined) return cached;
    const seen = await this.#inspect(image, signal);
    if (seen === undefined) return undefined;
    const local = toLocalImage(image, seen);
    this.#cache.set(image, local);
    return local;
  }

  /** Inspects the image, bypassing the cache. */
  async inspect(image: string, signal: AbortSignal): Promise<NodeImage | undefined> {
    const seen = await this.#inspect(image, signal);
    return seen === undefined ? undefined : toNodeImage(seen);
  }

  async #inspect(image: string, signal: AbortSignal): Promise<InspectedImage | undefined> {
    try {
      return await this.#client.call(
        `inspect image ${image}`,
        decoded(inspectedImage, (docker) => docker.getImage(image).inspect()),
        signal,
        15_000,
      );
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
    try {
      const id = await loadVerified(this.#client, archive, expected, signal);
      this.#fetched.note(expected.image, { id, recordedId: expected.id });
    } finally {
      this.invalidate();
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
      this.invalidate();
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
    const key = `${runReference(spec)} ${spec.platform ?? ''} ${recordedId ?? ''}`;
    let pull = this.#pulls.get(key);
    if (pull === undefined) {
      // Independent of one task's signal: other tasks may wait for the same pull.
      pull = this.#obtain(spec, recordedId, progress).finally(() => {
        this.#pulls.delete(key);
      });
      this.#pulls.set(key, pull);
    }
    await untilAborted(pull, signal);
  }

  async #obtain(
    spec: ContainerSpec,
    recordedId: string | undefined,
    progress: ProgressCallback,
  ): Promise<void> {
    const { image, pullPolicy, platform } = spec;
    const reference = runReference(spec);
    const policy = pullPolicy === 'never' ? '; its pull policy is never' : undefined;
    let refusal = new AppError(
      'not-found',
      `image ${image} is not on node ${this.#nodeName}${policy ?? ''}`,
    );
    if (pullPolicy !== 'never') {
      try {
        await pullFromRegistry(
          { client: this.#client, nodeName: this.#nodeName, clock: this.#clock },
          spec,
          progress,
        );
        this.invalidate();
        const pulled = await this.find(reference, neverAborts);
        if (pulled === undefined || this.#mayRun(spec, pulled, recordedId)) return;
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
      if (pullPolicy === 'always' && (await this.find(reference, neverAborts)) !== undefined)
        return;
    }
    await this.#fromOtherNodes(reference, platform, refusal, progress);
    this.invalidate();
    const fetched = await this.find(reference, neverAborts);
    if (fetched !== undefined && recordedId !== undefined) {
      this.#fetched.note(reference, { id: fetched.id, recordedId });
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
}
