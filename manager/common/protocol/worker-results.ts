import type { Decoder, Shape } from '../base/decode.js';
import {
  anything,
  array,
  boolean,
  count,
  dictionary,
  nonEmptyString,
  nullable,
  number,
  object,
  oneOf,
  optional,
  string,
} from '../base/decode.js';
import type {
  EngineImage,
  ForeignContainer,
  NodeImage,
  WorkerCallMap,
  WorkerCallName,
} from './worker-calls.js';
import { imageDigest } from './spec-decoders.js';

/*
 * Decoders of the answers to calls of a worker, see `WorkerCallMap`.
 */

type WorkerResults = {
  readonly [Name in WorkerCallName]: Decoder<WorkerCallMap[Name]['result']>;
};

const nothing = oneOf(null);
const strings = array(string);

export const processList = object({ titles: strings, processes: array(strings) });
export const pathInfo = object({ name: string, isFolder: boolean });

export const nodeImageShape: Shape<NodeImage> = {
  id: nonEmptyString,
  platform: string,
  sizeBytes: number,
  createdAt: number,
  taggedAt: optional(number),
  layers: optional(strings),
};

export const foreignContainerShape: Shape<ForeignContainer> = {
  name: string,
  service: string,
  state: string,
  configFiles: string,
};

const engineImage = object<EngineImage>({
  Id: nonEmptyString,
  RepoTags: nullable(strings),
  RepoDigests: nullable(strings),
  Created: number,
  Labels: nullable(dictionary(string)),
});

/** A decoder for the answer to each call. The Docker Engine's own answers are passed through. */
export const workerResults: WorkerResults = {
  restart: nothing,
  kill: nothing,
  pause: nothing,
  unpause: nothing,
  top: processList,
  inspect: anything,
  removeVolume: nothing,
  listVolumes: array(object({ name: nonEmptyString, mountpoint: string })),
  findImage: nullable(object(nodeImageShape)),
  listImages: array(engineImage),
  inspectImage: anything,
  resolveImage: imageDigest,
  knownLayers: count,
  statPath: nullable(pathInfo),
  commit: nonEmptyString,
  removeImage: boolean,
  listOthers: array(object(foreignContainerShape)),
  removeOthers: nothing,
  resize: nothing,
};
