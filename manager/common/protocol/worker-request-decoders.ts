import {
  array,
  boolean,
  branded,
  dictionary,
  fields,
  nonEmptyString,
  number,
  object,
  optional,
  string,
  tagged,
  type Decoder,
} from '../base/decode.js';
import type { TaskId } from '../model/ids.js';
import { engineRequest } from './engine/engine-request.js';
import type {
  BuildQuery,
  ExecOptions,
  LogOptions,
  RegistryAuth,
  WorkerCall,
  WorkerCallMap,
  WorkerStreamRequest,
} from './worker-calls.js';
import { imageDigest } from './spec-decoders.js';

const taskId = branded<TaskId>();
const forTask = object({ taskId });

const registryAuth = object<RegistryAuth>({
  username: optional(string),
  password: optional(string),
  identitytoken: optional(string),
  serveraddress: optional(string),
});

type ArgumentsOf<Name extends keyof WorkerCallMap> = WorkerCallMap[Name]['args'];

const image = object({ image: nonEmptyString });
const nothing: Decoder<Record<string, never>> = (value, at) => {
  fields(value, at);
  return {};
};

/** Checks a call to a worker and its arguments. */
export const workerCall = tagged<'name', WorkerCall>('name', {
  restart: object({
    args: object<ArgumentsOf<'restart'>>({ taskId, timeoutMs: optional(number) }),
  }),
  kill: object({ args: object({ taskId, signal: nonEmptyString }) }),
  pause: object({ args: forTask }),
  unpause: object({ args: forTask }),
  top: object({ args: object({ taskId, psArgs: string }) }),
  inspect: object({ args: forTask }),
  removeVolume: object({ args: object({ name: nonEmptyString }) }),
  listVolumes: object({ args: nothing }),
  findImage: object({ args: image }),
  listImages: object({ args: nothing }),
  inspectImage: object({ args: image }),
  resolveImage: object({
    args: object<ArgumentsOf<'resolveImage'>>({
      image: nonEmptyString,
      auth: optional(registryAuth),
    }),
  }),
  knownLayers: object({ args: object({ layers: array(string) }) }),
  statPath: object({ args: object({ taskId, path: string }) }),
  commit: object({
    args: object<ArgumentsOf<'commit'>>({
      taskId,
      image: optional(string),
      author: optional(string),
      comment: optional(string),
      changes: array(string),
      pause: boolean,
    }),
  }),
  removeImage: object({ args: image }),
  listOthers: object({ args: object({ project: string }) }),
  removeOthers: object({ args: object({ project: string, configFiles: string }) }),
  resize: object({ args: object({ streamId: nonEmptyString, columns: number, rows: number }) }),
});

const logOptions = object<LogOptions>({
  follow: boolean,
  tail: optional(number),
  sinceMs: optional(number),
  untilMs: optional(number),
});

const execOptions = object<ExecOptions>({
  command: array(string),
  env: array(string),
  user: optional(string),
  workingDir: optional(string),
  privileged: boolean,
  tty: boolean,
  stdin: boolean,
  detach: boolean,
  columns: optional(number),
  rows: optional(number),
});

const queryTexts = array(string);
const queryPairs = dictionary(string);
const queryValue: Decoder<BuildQuery[string]> = (value, at) => {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return number(value, at);
  return Array.isArray(value) ? queryTexts(value, at) : queryPairs(value, at);
};

/** Only the types are checked: the Docker Engine checks its own parameters. */
export const buildParameters: Decoder<BuildQuery> = dictionary(queryValue);

type RequestOf<Kind> = Omit<Extract<WorkerStreamRequest, { readonly kind: Kind }>, 'kind'>;

/** Checks the request for a stream that a worker serves. */
export const workerStreamRequest = tagged<'kind', WorkerStreamRequest>('kind', {
  logs: object({ taskId, options: logOptions }),
  exec: object({ taskId, options: execOptions }),
  attach: object<RequestOf<'attach'>>({ taskId, stdin: boolean, start: optional(boolean) }),
  'save-image': object<RequestOf<'save-image'>>({
    image: nonEmptyString,
    withoutLayers: optional(number),
  }),
  'load-image': object({ image: string, id: nonEmptyString }),
  'pull-image': object<RequestOf<'pull-image'>>({
    image: nonEmptyString,
    digest: optional(imageDigest),
    platform: optional(string),
    auth: optional(registryAuth),
  }),
  'push-image': object<RequestOf<'push-image'>>({
    image: nonEmptyString,
    auth: optional(registryAuth),
  }),
  'build-image': object<RequestOf<'build-image'>>({
    query: buildParameters,
    auths: dictionary(registryAuth),
    secrets: optional(dictionary(string)),
  }),
  'fetch-image': object<RequestOf<'fetch-image'>>({
    image: nonEmptyString,
    platform: optional(string),
  }),
  'read-archive': object({ taskId, path: string }),
  'write-archive': object({ taskId, path: string }),
  export: forTask,
  engine: engineRequest,
  stats: object({}),
});
