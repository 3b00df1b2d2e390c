import type {
  CommitOptions,
  RegistryAuth,
} from '../../../../manager/common/protocol/worker-calls.js';
import type { ImagePull, ImageTransfer } from '../../executor.js';
import type { EngineClient } from '../client.js';
import { saveWithoutLayers } from './image-layers.js';
import { commitImage, openBuild, openPull, openPush, type BuildRequest } from './image-streams.js';
import type { Images } from './images.js';

/** Makes images and moves them into and out of the machine's Docker Engine. */
export class DockerImageTransfer implements ImageTransfer {
  readonly #client: EngineClient;
  readonly #images: Images;

  constructor(client: EngineClient, images: Images) {
    this.#client = client;
    this.#images = images;
  }

  async pullImage(pull: ImagePull, signal: AbortSignal): Promise<NodeJS.ReadableStream> {
    this.#images.invalidate(pull.image);
    return await openPull(this.#client, pull, signal);
  }

  async tagPulled({ image, digest }: ImagePull, signal: AbortSignal): Promise<void> {
    if (digest !== undefined) await this.#images.tagPinned({ image, digest }, signal);
  }

  async pushImage(
    image: string,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream> {
    return await openPush(this.#client, image, auth, signal);
  }

  async buildImage(
    context: NodeJS.ReadableStream,
    request: BuildRequest,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream> {
    return await openBuild(this.#client, context, request, signal);
  }

  async commit(containerId: string, options: CommitOptions, signal: AbortSignal): Promise<string> {
    const id = await commitImage(this.#client, containerId, options, signal);
    this.#images.invalidate();
    return id;
  }

  async fetchImage(
    image: string,
    platform: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#images.fetch(image, platform, signal);
  }

  /** Invalidates the image cache: a build or pull may have moved tags. */
  invalidateImages(): void {
    this.#images.invalidate();
  }

  readonly saveImage: ImageTransfer['saveImage'] = (image, withoutLayers, signal) =>
    saveWithoutLayers(() => this.#images.save(image, signal), withoutLayers);

  readonly loadImage: ImageTransfer['loadImage'] = async (archive, expected, signal) => {
    await this.#images.load(archive, expected, signal);
  };
}
