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

/** Peers are authenticated: the checks catch broken or incompatible peers, not hostile ones. */
function parse(text: string): Fields {
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
    throw new AppError('invalid', `unknown message kind ${kind}`);
  }
  return decode(message, workerMessage, `message ${kind}`);
}
