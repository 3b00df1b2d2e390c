import type { Decoder, Fields } from '../base/decode.js';
import {
  anything,
  array,
  branded,
  decode,
  errorKind,
  isFields,
  number,
  object,
  oneOf,
  optional,
  string,
  tagged,
} from '../base/decode.js';
import { AppError } from '../base/errors.js';
import type { NetworkId } from '../model/ids.js';
import type { StuckRemoval } from '../model/network-view.js';
import type { TaskReport, WorkerMessage } from './messages.js';
import { nodeDescription, taskStatus } from './object-decoders.js';

/** Longest message of a worker, in characters: parsing a longer one would block the manager. */
const maxLength = 16 * 1024 * 1024;

/** Longest messages of kinds that are stored or answered one by one, in characters. */
const maxLengths: Readonly<Record<string, number>> = {
  heartbeat: 1_024,
  'want-image': 4_096,
  renew: 32_768,
  description: 262_144,
};

/** A worker may be compromised: nothing in its messages is trusted. */
function parse(text: string): Fields {
  if (text.length > maxLength) {
    throw new AppError('invalid', `message has more than ${maxLength} characters`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError('invalid', 'message is not valid JSON', { cause: error });
  }
  if (!isFields(value)) throw new AppError('invalid', 'message is not a JSON object');
  return value;
}

/**
 * Control characters as they appear in JSON text: escaped, or the few JSON allows unescaped. Tabs
 * and line feeds are excluded.
 */
const controlInJson = /\\u00(?:0[0-8bcef]|1[0-9a-f]|7f|[89][0-9a-f])|\\[bf]|[\u007f-\u009f]/iu;
const controlCharacters = /(?![\t\n])\p{Cc}/gu;

/**
 * Strips control characters from a worker's messages, because their text reaches users' terminals.
 * Results of calls are left unchanged.
 */
function withoutControls(text: string, message: Fields): Fields {
  if (message.kind === 'result' || !controlInJson.test(text)) return message;
  return JSON.parse(text, (_key, value: unknown) =>
    typeof value === 'string' ? value.replace(controlCharacters, '') : value,
  ) as Fields;
}

type MessageOf<Kind> = Omit<Extract<WorkerMessage, { readonly kind: Kind }>, 'kind'>;

const networkIds = array(branded<NetworkId>());
const engine = optional(oneOf('silent'));
const reports = array(object<TaskReport>({ taskId: branded(), status: taskStatus }));
const stuckRemoval = object<StuckRemoval>({ networkId: branded(), problem: string });

const variants = {
  hello: object<MessageOf<'hello'>>({
    version: number,
    clusterId: string,
    nodeId: string,
    name: string,
    description: nodeDescription,
    reports,
    volumes: array(string),
    networks: networkIds,
    engine,
  }),
  networks: object<MessageOf<'networks'>>({
    networks: networkIds,
    stuck: optional(array(stuckRemoval)),
  }),
  heartbeat: object<MessageOf<'heartbeat'>>({ engine }),
  'want-image': object<MessageOf<'want-image'>>({
    requestId: number,
    image: string,
    platform: optional(string),
  }),
  renew: object({ requestId: number, request: string }),
  status: object({ reports }),
  description: object({ description: nodeDescription }),
  result: object({ callId: number, result: anything }),
  failure: object({ callId: number, error: object({ kind: errorKind, message: string }) }),
};

const workerMessage: Decoder<WorkerMessage> = tagged<'kind', WorkerMessage>('kind', variants);

/** Throws `invalid` that names the bad field. Unknown fields are kept. */
export function decodeWorkerMessage(text: string): WorkerMessage {
  const message = withoutControls(text, parse(text));
  const { kind } = message;
  if (typeof kind !== 'string') throw new AppError('invalid', 'message has no kind');
  if (!Object.hasOwn(variants, kind)) {
    throw new AppError('invalid', `unknown message kind ${kind.slice(0, 40)}`);
  }
  const limit = maxLengths[kind] ?? maxLength;
  if (text.length > limit) {
    throw new AppError('invalid', `message ${kind}: has more than ${limit} characters`);
  }
  return decode(message, workerMessage, `message ${kind}`);
}
