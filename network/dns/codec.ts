import type { Answer } from 'dns-packet';
import { AUTHORITATIVE_ANSWER, RECURSION_AVAILABLE, TRUNCATED_RESPONSE, encode } from 'dns-packet';
import type { Query } from './query.js';
import { headerBytes, maxUdpBytes, recordType } from './wire.js';

/** PTR and SRV answers; A records take the fast path in wire.ts. */
export type PtrOrSrvAnswer =
  | { readonly kind: 'ptr'; readonly target: string }
  | {
      readonly kind: 'srv';
      readonly target: string;
      readonly port: number;
      readonly address: string;
    };

/**
 * Encodes a complete response that repeats the question as the client spelled it; truncated to the
 * header and question (TC set) if it exceeds the client's limit.
 */
export function encodePtrOrSrv(
  query: Query,
  answers: readonly PtrOrSrvAnswer[],
  ttl: number,
): Buffer {
  const full = build(query, answers, ttl, false);
  return full.length <= query.question.limitBytes ? full : build(query, [], ttl, true);
}

function build(
  query: Query,
  list: readonly PtrOrSrvAnswer[],
  ttl: number,
  truncated: boolean,
): Buffer {
  const { message, question, name } = query;
  const recursionDesired = (message[2] ?? 0) & 0x01 ? 0x0100 : 0;
  const answers = list.map((answer): Answer =>
    answer.kind === 'ptr'
      ? { type: 'PTR', name, ttl, data: answer.target }
      : { type: 'SRV', name, ttl, data: { port: answer.port, target: answer.target } },
  );
  const addresses = list.flatMap((answer): Answer[] =>
    answer.kind === 'srv' ? [{ type: 'A', name: answer.target, ttl, data: answer.address }] : [],
  );
  const opt: Answer[] = question.edns
    ? [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: maxUdpBytes,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ]
    : [];
  const packet = encode({
    type: 'response',
    id: message.readUInt16BE(0),
    flags:
      AUTHORITATIVE_ANSWER |
      RECURSION_AVAILABLE |
      recursionDesired |
      (truncated ? TRUNCATED_RESPONSE : 0),
    questions: [{ name, type: question.type === recordType.SRV ? 'SRV' : 'PTR', class: 'IN' }],
    answers,
    additionals: [...addresses, ...opt],
  });
  message.copy(packet, headerBytes, headerBytes, question.end);
  return packet;
}
