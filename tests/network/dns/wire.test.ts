import test from 'ava';
import fc from 'fast-check';
import { decode, encode } from 'dns-packet';
import {
  addressRecords,
  noRecords,
  questionName,
  rcode,
  readQuestion,
  errorResponse,
  respond,
  ttlOffsets,
} from '../../../network/dns/wire.js';

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const anyName = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
const query = (name: string, edns = 0): Buffer =>
  encode({
    type: 'query',
    id: 4711,
    flags: 0x0100,
    questions: [{ type: 'A', name }],
    additionals:
      edns === 0
        ? []
        : [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: edns,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
  });

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
