import { AppError } from '../base/errors.js';
import { taskStates } from '../model/task-state.js';
import type { WorkerMessage } from './messages.js';

type Fields = Readonly<Record<string, unknown>>;

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

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Check = (value: unknown) => boolean;

const isString: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isStrings: Check = (value) => Array.isArray(value) && value.every(isString);
const isAnything: Check = () => true;
const isOptionalString: Check = (value) => value === undefined || typeof value === 'string';

const isReport: Check = (value) => {
  if (!isFields(value) || !isString(value.taskId) || !isFields(value.status)) return false;
  const { state, at, message } = value.status;
  return taskStates.some((known) => known === state) && isNumber(at) && isString(message);
};
const isReports: Check = (value) => Array.isArray(value) && value.every(isReport);

const isDescription: Check = (value) =>
  isFields(value) &&
  ['hostname', 'address', 'os', 'arch', 'engineVersion', 'shoalVersion'].every((key) =>
    isString(value[key]),
  ) &&
  isNumber(value.nanoCpus) &&
  isNumber(value.memoryBytes) &&
  isFields(value.engineLabels) &&
  isStrings(value.plugins);

const isError: Check = (value) =>
  isFields(value) && isString(value.kind) && isString(value.message);

const workerShapes: Readonly<Record<WorkerMessage['kind'], Readonly<Record<string, Check>>>> = {
  hello: {
    version: isNumber,
    clusterId: isString,
    nodeId: isString,
    name: isString,
    description: isDescription,
    reports: isReports,
    volumes: isStrings,
    networks: isStrings,
  },
  networks: { networks: isStrings },
  heartbeat: {},
  'want-image': { requestId: isNumber, image: isString, platform: isOptionalString },
  renew: { requestId: isNumber, request: isString },
  status: { reports: isReports },
  description: { description: isDescription },
  result: { callId: isNumber, result: isAnything },
  failure: { callId: isNumber, error: isError },
};

function decode(
  text: string,
  shapes: Readonly<Record<string, Readonly<Record<string, Check>>>>,
): Fields {
  const message = withoutControls(text, parse(text));
  const kind = message.kind;
  const shape = typeof kind === 'string' && Object.hasOwn(shapes, kind) ? shapes[kind] : undefined;
  if (shape === undefined) {
    throw new AppError(
      'invalid',
      typeof kind === 'string' ? `unknown message kind ${kind}` : 'message has no kind',
    );
  }
  for (const [field, check] of Object.entries(shape)) {
    if (!check(message[field])) {
      throw new AppError(
        'invalid',
        `message ${String(kind)}: field ${field} is missing or invalid`,
      );
    }
  }
  return message;
}

/** Throws `invalid` that names the bad field. Unknown fields are kept. */
export function decodeWorkerMessage(text: string): WorkerMessage {
  return decode(text, workerShapes) as unknown as WorkerMessage;
}
