/**
 * DNS messages as bytes (RFC 1035 §4, EDNS RFC 6891): the operations that the fast path and the
 * forwarder need without building objects. Pure. Malformed input yields undefined; no function
 * throws.
 */

export const recordType = { A: 1, SOA: 6, PTR: 12, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;
export const rcode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
} as const;

export const headerBytes = 12;
/** Default size limit of UDP answers (RFC 1035 §4.2.1). */
export const defaultUdpBytes = 512;
/** Maximum size of UDP answers: fits every path without fragmentation (DNS flag day 2020). */
export const maxUdpBytes = 1232;
const maxTcpBytes = 65_535;
const optBytes = 11;

/** The single question of a query. Offsets count from the start of the message. */
export interface Question {
  /** Offset of the first byte after the question (name, type and class). */
  readonly end: number;
  readonly type: number;
  readonly class: number;
  /** True if the query has an EDNS OPT record. */
  readonly edns: boolean;
  /** Maximum answer size the client accepts. */
  readonly limitBytes: number;
}

/**
 * Reads a query with exactly one question and no records except an EDNS OPT; undefined for any
 * other message. TCP answers have no size limit below 64 KiB.
 */
export function readQuestion(message: Buffer, transport: 'udp' | 'tcp'): Question | undefined {
  if (!isPlainQuery(message)) return undefined;
  let end = headerBytes;
  for (;;) {
    const length = message[end];
    if (length === undefined || length > 63) return undefined;
    end += length + 1;
    if (length === 0) break;
  }
  end += 4;
  if (end > message.length || end > headerBytes + 259) return undefined;
  const edns =
    message[11] === 1 &&
    message[end] === 0 &&
    message[end + 2] === recordType.OPT &&
    message.length >= end + optBytes;
  const udpBytes = edns
    ? Math.min(maxUdpBytes, Math.max(defaultUdpBytes, message.readUInt16BE(end + 3)))
    : defaultUdpBytes;
  return {
    end,
    type: message.readUInt16BE(end - 4),
    class: message.readUInt16BE(end - 2),
    edns,
    limitBytes: transport === 'tcp' ? maxTcpBytes : udpBytes,
  };
}

/**
 * True for a request with opcode QUERY, one question, no answer or authority records and at most
 * one additional record.
 */
function isPlainQuery(message: Buffer): boolean {
  return (
    message.length >= headerBytes + 5 &&
    ((message[2] ?? 0) & 0xf8) === 0 &&
    message.readUInt16BE(4) === 1 &&
    message.readUInt32BE(6) === 0 &&
    message.readUInt16BE(10) <= 1
  );
}

/** The queried name in lower case, labels joined by dots, without the trailing dot. */
export function questionName(message: Buffer): string {
  const labels: string[] = [];
  for (let at = headerBytes; ;) {
    const length = message[at] ?? 0;
    if (length === 0) return labels.join('.').toLowerCase();
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
}

/**
 * Encoded records that can be appended to a question; their names point to the question's name. All
 * have the same size. `bytes` holds the sequence twice, so that a copy from any start in the first
 * half contains every record once.
 */
export interface Records {
  readonly rcode: number;
  readonly count: number;
  readonly recordBytes: number;
  readonly bytes: Buffer;
}

export function noRecords(code: number): Records {
  return { rcode: code, count: 0, recordBytes: 1, bytes: Buffer.alloc(0) };
}

const addressRecordBytes = 16;

/** Encodes A records in the order of the addresses. */
export function addressRecords(addresses: readonly number[], ttlSeconds: number): Records {
  const bytes = Buffer.alloc(2 * addresses.length * addressRecordBytes);
  [...addresses, ...addresses].forEach((address, index) => {
    const at = index * addressRecordBytes;
    bytes.writeUInt16BE(0xc000 | headerBytes, at);
    bytes.writeUInt16BE(recordType.A, at + 2);
    bytes.writeUInt16BE(1, at + 4);
    bytes.writeUInt32BE(ttlSeconds, at + 6);
    bytes.writeUInt16BE(4, at + 10);
    bytes.writeUInt32BE(address, at + 12);
  });
  return { rcode: rcode.noError, count: addresses.length, recordBytes: addressRecordBytes, bytes };
}

/**
 * Builds the answer to a query: its header, its question as spelled by the client, then the records
 * from index `start` on. Records beyond the client's limit are dropped and TC is set.
 */
export function respond(
  query: Buffer,
  question: Question,
  records: Records,
  start: number,
): Buffer {
  const { end, edns, limitBytes } = question;
  const optLength = edns ? optBytes : 0;
  const capacity = Math.floor((limitBytes - end - optLength) / records.recordBytes);
  const count = Math.min(records.count, capacity);
  const length = count * records.recordBytes;
  const answer = Buffer.allocUnsafe(end + length + optLength);
  query.copy(answer, 0, 0, end);
  const from = start * records.recordBytes;
  if (length > 0) records.bytes.copy(answer, end, from, from + length);
  writeFlags(answer, query, records.rcode, count < records.count);
  answer[6] = count >>> 8;
  answer[7] = count & 255;
  answer[10] = 0;
  answer[11] = edns ? 1 : 0;
  if (edns) writeOpt(answer, end + length);
  return answer;
}

/** Sets QR, AA, TC, the client's RD, and RA (RFC 1035 §4.1.1). */
function writeFlags(answer: Buffer, query: Buffer, code: number, truncated: boolean): void {
  answer[2] = 0x84 | (truncated ? 0x02 : 0) | ((query[2] ?? 0) & 0x01);
  answer[3] = 0x80 | code;
}

function writeOpt(answer: Buffer, at: number): void {
  answer.fill(0, at, at + optBytes);
  answer[at + 2] = recordType.OPT;
  answer[at + 3] = maxUdpBytes >>> 8;
  answer[at + 4] = maxUdpBytes & 255;
}

/** Builds an answer without records for any message, even one with only a partial header. */
export function errorResponse(query: Buffer, code: number): Buffer {
  const question = readQuestion(query, 'udp');
  if (question) return respond(query, question, noRecords(code), 0);
  const answer = Buffer.alloc(headerBytes);
  query.copy(answer, 0, 0, 2);
  answer[2] = 0x80 | ((query[2] ?? 0) & 0x79);
  answer[3] = 0x80 | code;
  return answer;
}

/** Copies an answer for another client: its id and its spelling of the question. */
export function copyForClient(answer: Buffer, query: Buffer, question: Question): Buffer {
  const copy = Buffer.from(answer);
  query.copy(copy, 0, 0, 2);
  if (readAnswerQuestionEnd(copy) === question.end)
    query.copy(copy, headerBytes, headerBytes, question.end);
  return copy;
}

function readAnswerQuestionEnd(answer: Buffer): number | undefined {
  if (answer.length < headerBytes || answer.readUInt16BE(4) !== 1) return undefined;
  const end = skipName(answer, headerBytes);
  return end === undefined ? undefined : end + 4;
}

/** True if `answer` is a response to exactly this query: same id and question, QR set. */
export function isAnswerTo(answer: Buffer, query: Buffer, question: Question): boolean {
  return (
    answer.length >= question.end &&
    ((answer[2] ?? 0) & 0x80) !== 0 &&
    answer[0] === query[0] &&
    answer[1] === query[1] &&
    answer.toString('latin1', headerBytes, question.end).toLowerCase() ===
      query.toString('latin1', headerBytes, question.end).toLowerCase()
  );
}

export const isTruncated = (answer: Buffer): boolean => ((answer[2] ?? 0) & 0x02) !== 0;
export const rcodeOf = (answer: Buffer): number => (answer[3] ?? 0) & 0x0f;

function skipName(message: Buffer, start: number): number | undefined {
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return at + 1;
    if ((length & 0xc0) === 0xc0) return at + 2;
    if (length > 63) return undefined;
    at += length + 1;
  }
}

/** Offsets of the TTL fields of an answer, excluding OPT. Undefined if the message is malformed. */
export function ttlOffsets(answer: Buffer): readonly number[] | undefined {
  const start = readAnswerQuestionEnd(answer);
  if (start === undefined) return undefined;
  let at = start;
  const count = answer.readUInt16BE(6) + answer.readUInt16BE(8) + answer.readUInt16BE(10);
  const offsets: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const fixed = skipName(answer, at);
    if (fixed === undefined || fixed + 10 > answer.length) return undefined;
    if (answer.readUInt16BE(fixed) !== recordType.OPT) offsets.push(fixed + 4);
    at = fixed + 10 + answer.readUInt16BE(fixed + 8);
    if (at > answer.length) return undefined;
  }
  return offsets;
}
