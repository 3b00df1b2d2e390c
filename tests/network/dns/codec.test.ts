import test from 'ava';
import { decode } from 'dns-packet';
import { encodePtrOrSrv, type PtrOrSrvAnswer } from '../../../network/dns/codec.js';
import { aQuery } from '../../helpers/decisions/dns-query.js';

const srv = (slot: number): PtrOrSrvAnswer => ({
  kind: 'srv',
  target: `shop-web-${slot}`,
  port: 8080,
  address: `10.210.0.${slot}`,
});

test('a PTR answer has its target and repeats the question as spelled', (t) => {
  const query = aQuery('1.0.210.10.IN-ADDR.arpa', { type: 'PTR', id: 0x1234 });
  const packet = encodePtrOrSrv(query, [{ kind: 'ptr', target: 'shop-web-1' }], 7);
  const answer = decode(packet);
  t.like(answer, {
    id: 0x1234,
    type: 'response',
    flag_aa: true,
    flag_ra: true,
    flag_rd: true,
    flag_tc: false,
    questions: [{ type: 'PTR', name: '1.0.210.10.IN-ADDR.arpa' }],
    additionals: [],
  });
  t.like(answer.answers, [{ type: 'PTR', ttl: 7, data: 'shop-web-1' }]);
});

test('an SRV answer has ports and targets, and the addresses of the targets', (t) => {
  const answer = decode(encodePtrOrSrv(aQuery('_8080._tcp.web', { type: 'SRV' }), [srv(1)], 7));
  t.is(answer.questions?.[0]?.type, 'SRV');
  t.like(answer.answers, [{ type: 'SRV', ttl: 7, data: { port: 8080, target: 'shop-web-1' } }]);
  t.like(answer.additionals, [{ type: 'A', name: 'shop-web-1', ttl: 7, data: '10.210.0.1' }]);
});

test('recursion is only claimed if the client wants it', (t) => {
  const query = aQuery('_1._tcp.web', { type: 'SRV', flags: 0 });
  t.false(decode(encodePtrOrSrv(query, [], 7)).flag_rd);
});

test('a client with EDNS gets an OPT record with the size that is always safe', (t) => {
  const query = aQuery('_1._tcp.web', { type: 'SRV', edns: 4_096 });
  const answer = decode(encodePtrOrSrv(query, [srv(1)], 7));
  t.like(answer.additionals?.[1], {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1_232,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
  });
});

test('an answer beyond the limit is truncated to its question, one at the limit is not', (t) => {
  const query = aQuery('_8080._tcp.web', { type: 'SRV' });
  const answers = Array.from({ length: 40 }, (_, slot) => srv(slot));
  const short = encodePtrOrSrv(query, answers, 7);
  t.like(decode(short), { flag_tc: true, answers: [], additionals: [] });
  const whole = encodePtrOrSrv(
    aQuery('_8080._tcp.web', { type: 'SRV', transport: 'tcp' }),
    answers,
    7,
  );
  t.is(decode(whole).answers?.length, 40);
  for (const [limitBytes, isCut] of [
    [whole.length, false],
    [whole.length - 1, true],
  ] as const) {
    const limited = { ...query, question: { ...query.question, limitBytes } };
    t.is(decode(encodePtrOrSrv(limited, answers, 7)).flag_tc, isCut);
  }
});
