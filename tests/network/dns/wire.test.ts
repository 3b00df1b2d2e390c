import test from 'ava';
import fc from 'fast-check';
import type { Answer } from 'dns-packet';
import { decode, encode } from 'dns-packet';
import {
  addressRecords,
  copyForClient,
  errorResponse,
  isAnswerTo,
  isTruncated,
  noRecords,
  questionName,
  rcode,
  rcodeOf,
  readQuestion,
  respond,
  ttlOffsets,
  type Question,
} from '../../../network/dns/wire.js';
import { queryMessage } from '../../helpers/decisions/dns-query.js';

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const anyName = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
const query = (name: string, edns = 0): Buffer => queryMessage(name, edns === 0 ? {} : { edns });

/** The decoder sets `rcode`, which its types lack. */
const codeOf = (answer: Buffer): string | undefined =>
  (decode(answer) as { readonly rcode?: string }).rcode;

test('readQuestion reads the question that the codec encoded', (t) => {
  fc.assert(
    fc.property(anyName, fc.constantFrom(0, 512, 4096), (name, edns) => {
      const message = query(name, edns);
      const question = readQuestion(message, 'udp');
      return (
        question?.type === 1 &&
        question.class === 1 &&
        question.edns === edns > 0 &&
        questionName(message) === name.toLowerCase()
      );
    }),
  );
  t.pass();
});

test('readQuestion never throws, whatever the bytes', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const message = Buffer.from(bytes);
      const question = readQuestion(message, 'udp');
      if (question) questionName(message);
      ttlOffsets(message);
      if (message.length >= 4) errorResponse(message, rcode.notImplemented);
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('an answer decodes to its addresses, starting from any of them', (t) => {
  fc.assert(
    fc.property(
      anyName,
      fc.uniqueArray(fc.integer({ min: 0, max: 0xffffffff }), { minLength: 1, maxLength: 20 }),
      fc.nat(),
      (name, ips, seed) => {
        const message = query(name);
        const question = readQuestion(message, 'tcp');
        if (question === undefined) return false;
        const records = addressRecords(ips, 1);
        const answer = decode(respond(message, question, records, seed % ips.length));
        const got = (answer.answers ?? []).map((each) => (each.type === 'A' ? each.data : ''));
        return (
          answer.id === 4711 &&
          answer.questions?.[0]?.name === name &&
          new Set(got).size === ips.length &&
          got.length === ips.length
        );
      },
    ),
  );
  t.pass();
});

test('a UDP answer is truncated to the client’s limit with TC set', (t) => {
  const records = addressRecords(
    Array.from({ length: 100 }, (_, index) => index),
    1,
  );
  for (const [edns, expected] of [
    [0, 512],
    [700, 700],
    [4096, 1232],
  ] as const) {
    const message = query('web', edns);
    const question = readQuestion(message, 'udp');
    if (question === undefined) return t.fail();
    const answer = respond(message, question, records, 99);
    t.true(answer.length <= expected && answer.length > expected - 16);
    t.true(decode(answer).flag_tc);
  }
  const message = query('web');
  const question = readQuestion(message, 'tcp');
  if (question === undefined) return t.fail();
  const full = decode(respond(message, question, records, 50));
  t.false(full.flag_tc);
  t.is(full.answers?.length, 100);
});

test('an empty answer and NXDOMAIN carry their response codes', (t) => {
  const message = query('web');
  const question = readQuestion(message, 'udp');
  if (question === undefined) return t.fail();
  t.is(codeOf(respond(message, question, noRecords(rcode.nameError), 0)), 'NXDOMAIN');
  t.is(codeOf(errorResponse(message, rcode.serverFailure)), 'SERVFAIL');
});

/** The question as it is read; fails the test if the message is no query. */
function read(message: Buffer, transport: 'udp' | 'tcp' = 'udp'): Question {
  const question = readQuestion(message, transport);
  if (question === undefined) throw new Error('the message is not read as a query');
  return question;
}

/** A copy of a query with other bytes at a place. */
function patched(message: Buffer, at: number, ...bytes: readonly number[]): Buffer {
  const copy = Buffer.from(message);
  copy.set(bytes, at);
  return copy;
}

test('the question has its end, type, class and the size limit of its answer', (t) => {
  const message = patched(queryMessage('a.bc'), 18, 0x12, 0x34, 0x56, 0x78);
  const question = { end: 22, type: 0x1234, class: 0x5678, edns: false };
  t.deepEqual(read(message), { ...question, limitBytes: 512 });
  t.deepEqual(read(message, 'tcp'), { ...question, limitBytes: 65_535 });
  t.deepEqual(read(queryMessage('.')), {
    end: 17,
    type: 1,
    class: 1,
    edns: false,
    limitBytes: 512,
  });
});

test('the size limit of EDNS is respected between 512 and 1232 bytes', (t) => {
  const limits = [1, 511, 512, 513, 1_231, 1_232, 1_233, 65_535].map(
    (edns) => read(queryMessage('web', { edns })).limitBytes,
  );
  t.deepEqual(limits, [512, 512, 512, 513, 1_231, 1_232, 1_232, 1_232]);
  t.is(read(queryMessage('web', { edns: 700 }), 'tcp').limitBytes, 65_535);
});

test('only a complete OPT record of the root counts as EDNS', (t) => {
  const message = queryMessage('web', { edns: 700 });
  const { end } = read(message);
  t.true(read(message).edns);
  t.false(read(message.subarray(0, end + 10)).edns, 'cut off');
  t.false(read(patched(message, end, 1)).edns, 'another name');
  t.false(read(patched(message, end + 2, 250)).edns, 'another type');
  t.false(read(patched(message, 11, 0)).edns, 'not counted');
});

test('other messages are not read: responses, other opcodes, other numbers of records', (t) => {
  const message = queryMessage('web');
  for (const [at, value] of [
    [2, 0x80],
    [2, 0x08],
    [2, 0x40],
    [5, 0],
    [5, 2],
    [4, 1],
    [6, 1],
    [7, 1],
    [8, 1],
    [9, 1],
    [10, 1],
    [11, 2],
  ] as const)
    t.is(readQuestion(patched(message, at, value), 'udp'), undefined, `byte ${at}`);
  for (const flags of [0x01, 0x02, 0x04])
    t.not(readQuestion(patched(message, 2, flags), 'udp'), undefined);
});

test('a question that is cut off, compressed or too long is not read', (t) => {
  const message = queryMessage('web');
  for (let length = 0; length < message.length; length += 1)
    t.is(readQuestion(message.subarray(0, length), 'udp'), undefined);
  t.is(readQuestion(patched(message, 12, 0xc0, 12), 'udp'), undefined);
  const long = (last: number): Buffer => {
    const labels = [63, 63, 63, last].map((length) => 'x'.repeat(length));
    return queryMessage(labels.join('.'));
  };
  t.is(read(long(61)).end, 271);
  t.is(readQuestion(long(62), 'udp'), undefined);
  const label = Buffer.concat([message.subarray(0, 12), Buffer.alloc(70, 64)]);
  t.is(readQuestion(label, 'udp'), undefined, 'a label has at most 63 bytes');
});

test('names are read in lower case, the root is empty', (t) => {
  t.is(questionName(queryMessage('Web.Shop.LAN')), 'web.shop.lan');
  t.is(questionName(queryMessage('.')), '');
});

test('an address record points to the name of the question', (t) => {
  const { bytes, ...rest } = addressRecords([0x0a010203, 0xc0a80001], 300);
  const one = 'c00c00010001' + '0000012c' + '0004' + '0a010203';
  const two = 'c00c00010001' + '0000012c' + '0004' + 'c0a80001';
  t.is(bytes.toString('hex'), (one + two).repeat(2));
  t.deepEqual(rest, { rcode: 0, count: 2, recordBytes: 16 });
  t.deepEqual(noRecords(3), { rcode: 3, count: 0, recordBytes: 1, bytes: Buffer.alloc(0) });
});

test('an answer has the header of its query, the records in turn and an OPT record', (t) => {
  const message = queryMessage('a', { id: 0x1234, edns: 4_096 });
  const records = addressRecords([1, 2, 3], 1);
  const answer = respond(message, read(message), records, 1);
  const record = (last: number): string =>
    `c00c00010001000000010004${last.toString(16).padStart(8, '0')}`;
  const header = '1234' + '8580' + '0001' + '0003' + '0000' + '0001';
  const question = '0161' + '00' + '0001' + '0001';
  const opt = '00' + '0029' + '04d0' + '00000000' + '0000';
  const expected = header + question + [2, 3, 1].map(record).join('') + opt;
  t.is(answer.toString('hex'), expected);
});

test('the answer repeats whether the client wants recursion, and has no OPT unasked', (t) => {
  const message = queryMessage('a', { flags: 0 });
  const answer = respond(message, read(message), noRecords(rcode.nameError), 0);
  t.is(answer.toString('hex', 2, 12), '8483' + '0001' + '0000' + '0000' + '0000');
  t.is(answer.length, 19);
});

test('an answer over TCP counts more than 255 records', (t) => {
  const message = queryMessage('a');
  const addresses = Array.from({ length: 300 }, (_, index) => index);
  const answer = respond(message, read(message, 'tcp'), addressRecords(addresses, 1), 0);
  t.is(answer.readUInt16BE(6), 300);
  t.is(decode(answer).answers?.length, 300);
});

test('exactly as many records as fit are sent, and TC says if some are missing', (t) => {
  // The question ends at byte 32: thirty records of 16 bytes fill the rest of 512 bytes.
  const message = queryMessage('x'.repeat(14));
  t.is(read(message).end, 32);
  const answer = (count: number): Buffer =>
    respond(
      message,
      read(message),
      addressRecords(
        Array.from({ length: count }, (_, index) => index),
        1,
      ),
      0,
    );
  t.is(answer(30).length, 512);
  t.false(isTruncated(answer(30)));
  t.is(answer(31).length, 512);
  t.true(isTruncated(answer(31)));
  t.is(decode(answer(31)).answers?.length, 30);
});

test('an error is answered whatever the message, with its id, opcode and recursion flag', (t) => {
  const notify = Buffer.from('12342100' + '0000'.repeat(4), 'hex');
  t.is(errorResponse(notify, 4).toString('hex'), '1234a184' + '0000'.repeat(4));
  t.is(errorResponse(Buffer.from('12', 'hex'), 2).toString('hex'), '12008082' + '0000'.repeat(4));
  const message = queryMessage('web', { edns: 512 });
  const answer = errorResponse(message, rcode.serverFailure);
  t.is(rcodeOf(answer), 2);
  t.is(decode(answer).questions?.[0]?.name, 'web');
});

const upstreamAnswer = (name: string, answers: readonly Answer[], more: object = {}): Buffer =>
  encode({
    type: 'response',
    id: 99,
    flags: 0x0100,
    questions: [{ type: 'A', name }],
    answers: [...answers],
    ...more,
  });
const address = (name: string, ttl: number): Answer => ({
  type: 'A',
  name,
  ttl,
  data: '192.0.2.7',
});

test('an answer is copied with the id and spelling of another client', (t) => {
  const answer = upstreamAnswer('example.org', [address('example.org', 60)]);
  const before = Buffer.from(answer);
  const message = queryMessage('Example.ORG', { id: 5 });
  const copy = decode(copyForClient(answer, message, read(message)));
  t.is(copy.id, 5);
  t.is(copy.questions?.[0]?.name, 'Example.ORG');
  t.is(copy.answers?.length, 1);
  t.deepEqual(answer, before, 'the answer itself is unchanged');
});

test('an answer without the question gets only the id', (t) => {
  const message = queryMessage('example.org', { id: 5 });
  for (const answer of [
    encode({ type: 'response', id: 99, questions: [] }),
    upstreamAnswer('example.info', []),
    Buffer.from([0, 99, 0x80]),
  ]) {
    const copy = copyForClient(answer, message, read(message));
    t.is(copy.readUInt16BE(0), 5);
    t.deepEqual(copy.subarray(2), answer.subarray(2));
  }
});

test('an answer belongs to a query with the same id and question, in any spelling', (t) => {
  const message = queryMessage('Example.org', { id: 0x1234 });
  const question = read(message);
  const answer = patched(message, 2, 0x81);
  t.true(isAnswerTo(answer, message, question));
  t.true(isAnswerTo(patched(answer, 13, 0x65), message, question), 'a lower-case name');
  for (const other of [
    message,
    patched(answer, 0, 0x13),
    patched(answer, 1, 0x35),
    patched(answer, 14, 0x79),
    patched(answer, question.end - 1, 2),
    answer.subarray(0, question.end - 1),
    Buffer.alloc(0),
  ])
    t.false(isAnswerTo(other, message, question));
});

test('flags and code of an answer are read', (t) => {
  t.deepEqual(
    [0x83, 0x81].map((byte) => isTruncated(Buffer.from([0, 0, byte, 0]))),
    [true, false],
  );
  t.is(rcodeOf(Buffer.from([0, 0, 0, 0xa3])), 3);
  t.false(isTruncated(Buffer.alloc(0)));
  t.is(rcodeOf(Buffer.alloc(0)), 0);
});

test('the TTLs of all records but OPT are found, wherever names are compressed', (t) => {
  const soa = {
    type: 'SOA',
    name: 'example.org',
    ttl: 30,
    data: { mname: 'ns.example.org', rname: 'root.example.org' },
  } as const;
  const answer = upstreamAnswer('example.org', [address('example.org', 60)], {
    authorities: [soa],
    additionals: [
      { type: 'OPT', name: '.', udpPayloadSize: 1_232, flags: 0, options: [] },
      address('www.example.org', 90),
    ],
  });
  t.deepEqual(
    ttlOffsets(answer)?.map((at) => answer.readUInt32BE(at)),
    [60, 30, 90],
  );
  const message = queryMessage('web');
  const compressed = respond(message, read(message), addressRecords([1, 2], 7), 0);
  t.deepEqual(
    ttlOffsets(compressed)?.map((at) => compressed.readUInt32BE(at)),
    [7, 7],
  );
  t.deepEqual(ttlOffsets(upstreamAnswer('example.org', [])), []);
});

test('a malformed answer has no TTLs', (t) => {
  const answer = upstreamAnswer('example.org', [address('example.org', 60)]);
  for (let length = 0; length < answer.length; length += 1)
    t.is(ttlOffsets(answer.subarray(0, length)), undefined, `${length} bytes`);
  t.is(ttlOffsets(patched(answer, 5, 2)), undefined, 'two questions');
  t.is(ttlOffsets(patched(answer, 7, 2)), undefined, 'a missing record');
  const record = answer.length - 14 - 13;
  for (const label of [64, 0x80]) t.is(ttlOffsets(patched(answer, record, label)), undefined);
  t.is(ttlOffsets(patched(answer, answer.length - 5, 200)), undefined, 'longer than the message');
});
