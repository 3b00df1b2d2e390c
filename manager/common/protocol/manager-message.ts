import {
  array,
  decode,
  decodeJson,
  errorKind,
  fields,
  integer,
  nonEmptyString,
  object,
  optional,
  positiveNumber,
  string,
  tagged,
  type Decoder,
  type Fields,
} from '../base/decode.js';
import { AppError } from '../base/errors.js';
import type { ReceivedChange, ReceivedSet } from './assignment-decoders.js';
import { receivedChange, receivedSet } from './assignment-decoders.js';
import type { ManagerMessage } from './messages.js';

/** A call that is checked where it is carried out, so that a bad one is answered with its error. */
export interface ReceivedCall {
  readonly name: string;
  readonly args: Fields;
}

/** A manager's message as a worker receives it; calls and stream requests are not yet checked. */
export type ReceivedMessage =
  | Exclude<ManagerMessage, { readonly kind: 'call' | 'open' | 'assignments' | 'change' }>
  | ({ readonly kind: 'assignments' } & ReceivedSet)
  | ({ readonly kind: 'change' } & ReceivedChange)
  | { readonly kind: 'call'; readonly callId: number; readonly call: ReceivedCall }
  | { readonly kind: 'open'; readonly streamId: string; readonly request: Fields };

type MessageOf<Kind> = Omit<Extract<ReceivedMessage, { readonly kind: Kind }>, 'kind'>;

const strings = array(string);
const failure = object({ kind: errorKind, message: string });

const variants = {
  welcome: object<MessageOf<'welcome'>>({
    version: integer,
    heartbeatMs: positiveNumber,
    managers: strings,
    refusedAuthorities: optional(strings),
  }),
  managers: object({ managers: strings }),
  redirect: object<MessageOf<'redirect'>>({ leader: optional(nonEmptyString) }),
  assignments: receivedSet,
  change: receivedChange,
  call: object({ callId: integer, call: object({ name: nonEmptyString, args: fields }) }),
  cancel: object({ callId: integer }),
  image: object<MessageOf<'image'>>({
    requestId: integer,
    from: optional(string),
    error: optional(failure),
  }),
  certificate: object<MessageOf<'certificate'>>({
    requestId: integer,
    chain: optional(string),
    error: optional(failure),
  }),
  fence: fields,
  'renew-now': fields,
  'refuse-authorities': object({ ids: strings }),
  open: object({ streamId: nonEmptyString, request: fields }),
};

const managerMessage: Decoder<ReceivedMessage> = tagged<'kind', ReceivedMessage>('kind', variants);

/**
 * Decodes a message to a worker. Throws `invalid` with the field, and `unsupported` for a kind that
 * only newer managers know. Unknown fields are kept.
 */
export function decodeManagerMessage(text: string): ReceivedMessage {
  const message = decodeJson(text, fields, 'manager message');
  const { kind } = message;
  if (typeof kind === 'string' && !Object.hasOwn(variants, kind)) {
    throw new AppError(
      'unsupported',
      `manager message ${kind} is not supported by this node; upgrade its worker`,
    );
  }
  return decode(
    message,
    managerMessage,
    typeof kind === 'string' ? `manager message ${kind}` : 'manager message',
  );
}
