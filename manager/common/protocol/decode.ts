import type { Decoder, Fields } from '../base/decode.js';
import {
  anything,
  array,
  errorKind,
  isFields,
  nonEmptyString,
  number,
  object,
  oneOf,
  optional,
  string,
} from '../base/decode.js';
import { AppError } from '../base/errors.js';
import type { WorkerMessage } from './messages.js';
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

const strings = array(string);

const reports = array(object({ taskId: nonEmptyString, status: taskStatus }));

type Shapes = Readonly<Record<WorkerMessage['kind'], Readonly<Record<string, Decoder<unknown>>>>>;

const shapes: Shapes = {
  hello: {
    version: number,
    clusterId: string,
    nodeId: string,
    name: string,
    description: nodeDescription,
    reports,
    volumes: strings,
    networks: strings,
    engine: optional(oneOf('silent')),
  },
  networks: { networks: strings },
  heartbeat: { engine: optional(oneOf('silent')) },
  'want-image': { requestId: number, image: string, platform: optional(string) },
  renew: { requestId: number, request: string },
  status: { reports },
  description: { description: nodeDescription },
  result: { callId: number, result: anything },
  failure: { callId: number, error: object({ kind: errorKind, message: string }) },
};

function isKnownKind(kind: string): kind is WorkerMessage['kind'] {
  return Object.hasOwn(shapes, kind);
}

/** Throws `invalid` that names the bad field. Unknown fields are kept. */
export function decodeWorkerMessage(text: string): WorkerMessage {
  const message = withoutControls(text, parse(text));
  const { kind } = message;
  if (typeof kind !== 'string') throw new AppError('invalid', 'message has no kind');
  if (!isKnownKind(kind)) throw new AppError('invalid', `unknown message kind ${kind}`);
  const decoded: Record<string, unknown> = { ...message };
  for (const [field, decoder] of Object.entries(shapes[kind])) {
    try {
      const value = decoder(message[field], field);
      if (value !== undefined) decoded[field] = value;
    } catch (error) {
      const problem = `message ${kind}: field ${field} is missing or invalid`;
      throw new AppError('invalid', problem, { cause: error });
    }
  }
  return decoded as unknown as WorkerMessage;
}
