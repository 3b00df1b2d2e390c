import type { NodeImage } from '../../../../manager/common/protocol/worker-calls.js';
import type { ImageStore } from '../../executor.js';
import type { EngineClient } from '../client.js';
import type { ImageLayers } from './image-layers.js';
import { inspectImage, listImages } from './image-records.js';
import { registryDigest } from './image-streams.js';
import type { Images } from './images.js';

/** Images of the machine's Docker Engine. */
export class DockerImageStore implements ImageStore {
  readonly #client: EngineClient;
  readonly #images: Images;
  readonly #layers: ImageLayers;

  constructor(client: EngineClient, images: Images, layers: ImageLayers) {
    this.#client = client;
    this.#images = images;
    this.#layers = layers;
  }

  async findImage(image: string, signal: AbortSignal): Promise<NodeImage | undefined> {
    return await this.#images.inspect(image, signal);
  }

  async removeImage(image: string, signal: AbortSignal): Promise<boolean> {
    return await this.#images.remove(image, signal);
  }

  readonly listImages: ImageStore['listImages'] = (signal) => listImages(this.#client, signal);

  readonly inspectImage: ImageStore['inspectImage'] = (image, signal) =>
    inspectImage(this.#client, image, signal);

  readonly resolveImage: ImageStore['resolveImage'] = (image, auth, signal) =>
    registryDigest(this.#client, image, auth, signal);

  readonly knownLayers: ImageStore['knownLayers'] = (layers, signal) =>
    this.#layers.known(layers, signal);
}
