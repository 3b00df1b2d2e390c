import {
  AppError,
  isAppError,
  isConflict,
  isNotFound,
  isUnavailable,
  messageOf,
  toAppError,
} from '../../../manager/common/base/errors.js';
import type { Clock } from '../../../manager/common/base/clock.js';
import type { ContainerSpec } from '../../../manager/common/model/container.js';
import type { SeenImage } from '../../../manager/common/protocol/worker-calls.js';
import type { Progress } from '../executor.js';
import { translateError, type EngineClient } from './client.js';
import { JsonLines } from './events.js';

export interface LocalImage {
  readonly id: string;
  /** The image brings a health check of its own. */
  readonly hasHealthcheck: boolean;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

/** Has the image brought from another node of the cluster; returns that node's name. */
export type OtherNodes = (
  image: string,
  platform: string | undefined,
  signal: AbortSignal,
) => Promise<string>;

/** For what others wait for as well. */
const never = new AbortController().signal;

/** Registries that cannot be reached may keep an engine waiting for minutes without a word. */
const firstWordMs = 60_000;
const nextWordMs = 300_000;

interface PullLine {
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

/** The engine's images: looked at once, pulled once for all tasks that wait for the same. */
export class Images {
  readonly #client: EngineClient;
  readonly #nodeName: string;
  readonly #clock: Clock;
  readonly #known = new Map<string, LocalImage>();
  /** Under way, by image and platform. */
  readonly #pulls = new Map<string, Promise<void>>();
  #otherNodes: OtherNodes | undefined;

  constructor(client: EngineClient, nodeName: string, clock: Clock) {
    this.#client = client;
    this.#nodeName = nodeName;
    this.#clock = clock;
  }

  /** Where to turn to for an image that no registry gives. */
  useOtherNodes(otherNodes: OtherNodes): void {
    this.#otherNodes = otherNodes;
  }

  /** Forgets what was seen: tags move, images are removed. */
  forget(image?: string): void {
    if (image === undefined) this.#known.clear();
    else this.#known.delete(image);
  }

  /**
   * Finds the image, pulling it as `pullPolicy` says; where the registry does not give it, as it is here
   * or from a node of the cluster that has it. Throws with image, node and reason.
   */
  async ensure(spec: ContainerSpec, progress: Progress, signal: AbortSignal): Promise<LocalImage> {
    const { image, pullPolicy } = spec;
    if (pullPolicy !== 'always') {
      const local = await this.find(image, signal);
      if (local !== undefined) return local;
    }
    await this.#obtainOnce(spec, progress, signal);
    this.forget(image);
    const obtained = await this.find(image, signal);
    if (obtained === undefined) {
      throw new AppError(
        'not-found',
        `image ${image} is not on node ${this.#nodeName} after a pull`,
      );
    }
    return obtained;
  }

  async find(image: string, signal: AbortSignal): Promise<LocalImage | undefined> {
    const known = this.#known.get(image);
    if (known !== undefined) return known;
    try {
      const seen = await this.#client.call(
        `inspect image ${image}`,
        (docker) => docker.getImage(image).inspect(),
        signal,
        15_000,
      );
      const check = seen.Config.Healthcheck as { Test?: readonly string[] } | undefined;
      const local = {
        id: seen.Id,
        hasHealthcheck: check?.Test !== undefined && check.Test[0] !== 'NONE',
        entrypoint: asList(seen.Config.Entrypoint),
        command: asList(seen.Config.Cmd),
      };
      this.#known.set(image, local);
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

  async load(archive: NodeJS.ReadableStream, signal: AbortSignal): Promise<void> {
    const answer = await this.#client.open(
      'load an image',
      (docker) => docker.loadImage(archive, {}),
      signal,
    );
    const lines = new JsonLines();
    for await (const chunk of answer as AsyncIterable<Uint8Array>) {
      for (const line of lines.push(chunk)) checkLine(line as PullLine);
    }
    this.forget();
  }

  /** What the engine knows of the image now. */
  async look(image: string, signal: AbortSignal): Promise<SeenImage | undefined> {
    try {
      const seen = await this.#client.call(
        `inspect image ${image}`,
        (docker) => docker.getImage(image).inspect(),
        signal,
        15_000,
      );
      const variant = (seen as { Variant?: string }).Variant ?? '';
      return {
        id: seen.Id,
        platform: [seen.Os, seen.Architecture, variant].filter((part) => part !== '').join('/'),
        sizeBytes: seen.Size,
        createdAt: Math.max(0, Date.parse(seen.Created)) || 0,
        ...taggedAt(seen),
        layers: seen.RootFS.Layers ?? [],
      };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Gets the image from another node, whatever is here under that name. */
  async fetch(image: string, platform: string | undefined, signal: AbortSignal): Promise<void> {
    if (this.#otherNodes === undefined) {
      throw new AppError('unsupported', 'this worker has no other nodes to ask');
    }
    await this.#otherNodes(image, platform, signal);
    this.forget(image);
  }

  /** False when it is not there, or a container uses it. */
  async remove(image: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#client.call(
        `remove image ${image}`,
        (docker) => docker.getImage(image).remove({}) as Promise<unknown>,
        signal,
        30_000,
      );
      this.forget(image);
      return true;
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return false;
      throw error;
    }
  }

  async #obtainOnce(spec: ContainerSpec, progress: Progress, signal: AbortSignal): Promise<void> {
    const key = `${spec.image} ${spec.platform ?? ''}`;
    let pull = this.#pulls.get(key);
    if (pull === undefined) {
      // Not bound to one task's signal: others may wait for the same pull.
      pull = this.#obtain(spec, progress).finally(() => {
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

  async #obtain(spec: ContainerSpec, progress: Progress): Promise<void> {
    const { image, pullPolicy, platform } = spec;
    const policy = pullPolicy === 'never' ? 'and its pull policy is never' : undefined;
    let refusal = new AppError(
      'not-found',
      `image ${image} is not on node ${this.#nodeName} ${policy ?? ''}`,
    );
    if (pullPolicy !== 'never') {
      try {
        await this.#pull(spec, progress);
        return;
      } catch (error) {
        // Only the registry's verdict sends us elsewhere; an engine that is away is asked again.
        if (!isNotFound(error)) throw error;
        refusal = toAppError(error);
      }
      // `up` has pulled what is always to be pulled, with its user's credentials, which we have not.
      if (pullPolicy === 'always' && (await this.find(image, never)) !== undefined) return;
    }
    await this.#fromOtherNodes(image, platform, refusal, progress);
  }

  async #fromOtherNodes(
    image: string,
    platform: string | undefined,
    refusal: AppError,
    progress: Progress,
  ): Promise<void> {
    if (this.#otherNodes === undefined) throw refusal;
    progress(`fetching ${image} from another node`);
    try {
      await this.#otherNodes(image, platform, never);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      throw new AppError('not-found', `${refusal.message}; ${messageOf(error)}`, { cause: error });
    }
  }

  async #pull(spec: ContainerSpec, progress: Progress): Promise<void> {
    const { image } = spec;
    const silence = new AbortController();
    const tooQuiet = (): void => {
      silence.abort(new AppError('timeout', 'the registry did not answer in time'));
    };
    let cancelTimer = this.#clock.after(firstWordMs, tooQuiet);
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
      const lines = new JsonLines();
      const meter = new PullMeter();
      for await (const chunk of stream as AsyncIterable<Uint8Array>) {
        cancelTimer();
        cancelTimer = this.#clock.after(nextWordMs, tooQuiet);
        const part = meter.read(lines.push(chunk) as readonly PullLine[]);
        if (part !== undefined) progress(`pulling ${image}: ${part}`);
      }
    } catch (error) {
      const reason: unknown = silence.signal.aborted ? silence.signal.reason : error;
      // An engine that goes away meanwhile has not judged: asked again, it may.
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

/** Throws what the registry or the engine says went wrong. */
function checkLine(line: PullLine): void {
  if (line.error !== undefined) throw new AppError('not-found', line.error.split('\n')[0] ?? '');
}

/** How much of a pull has come, all layers that are known by now taken together. */
class PullMeter {
  readonly #layers = new Map<string, { readonly current: number; readonly total: number }>();

  #told = '';

  /** Undefined when the lines change nothing; throws what one says went wrong. */
  read(lines: readonly PullLine[]): string | undefined {
    for (const line of lines) {
      checkLine(line);
      const { current, total } = line.progressDetail ?? {};
      if (line.id === undefined || line.status !== 'Downloading') continue;
      if (current !== undefined && total !== undefined && total > 0) {
        this.#layers.set(line.id, { current, total });
      }
    }
    if (this.#layers.size === 0) return undefined;
    let [current, total] = [0, 0];
    for (const layer of this.#layers.values()) {
      current += layer.current;
      total += layer.total;
    }
    const part = `${String(Math.floor((100 * current) / total))}%`;
    if (part === this.#told) return undefined;
    this.#told = part;
    return part;
  }
}

/** Without a tag or digest the engine would pull every tag of the repository. */
export function toReference(image: string): { readonly fromImage: string; readonly tag?: string } {
  if (image.includes('@')) return { fromImage: image };
  const slash = image.lastIndexOf('/');
  const colon = image.lastIndexOf(':');
  if (colon > slash) return { fromImage: image.slice(0, colon), tag: image.slice(colon + 1) };
  return { fromImage: image, tag: 'latest' };
}

/** The engine says the year 1 of an image that was never tagged here. */
function taggedAt(seen: object): { readonly taggedAt?: number } {
  const at = Date.parse(
    (seen as { Metadata?: { LastTagTime?: string } }).Metadata?.LastTagTime ?? '',
  );
  return at > 0 ? { taggedAt: at } : {};
}

type ListOrText = string | readonly string[] | null | undefined;

function asList(value: ListOrText): readonly string[] {
  if (value === null || value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** What process 1 will be: an entrypoint of its own leaves the image's command aside, as the engine does. */
export function effectiveCommand(spec: ContainerSpec, image: LocalImage): readonly string[] {
  const command = spec.command ?? (spec.entrypoint === undefined ? image.command : []);
  return [...(spec.entrypoint ?? image.entrypoint), ...command];
}
