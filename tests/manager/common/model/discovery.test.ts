import test from 'ava';
import fc from 'fast-check';
import { parseConsulAddress } from '../../../../manager/common/model/discovery.js';

test('an address names servers, ports and the prefix of the keys', (t) => {
  t.deepEqual(parseConsulAddress('consul://one.example:8501,two:9000/teams/blue'), {
    servers: [
      { host: 'one.example', port: 8501 },
      { host: 'two', port: 9000 },
    ],
    prefix: 'teams/blue',
  });
});

test("without a port and a prefix, Consul's port and the program's name are used", (t) => {
  const expected = { servers: [{ host: 'db', port: 8500 }], prefix: 'shoal' };
  t.deepEqual(parseConsulAddress('consul://db'), expected);
  t.deepEqual(parseConsulAddress('consul://db/'), expected);
});

test('an IPv6 address stands in brackets, with or without a port', (t) => {
  t.deepEqual(parseConsulAddress('consul://[fd00::1],[fd00::2]:8501').servers, [
    { host: 'fd00::1', port: 8500 },
    { host: 'fd00::2', port: 8501 },
  ]);
});

test('slashes around the prefix are ignored', (t) => {
  t.is(parseConsulAddress('consul://db///teams/blue//').prefix, 'teams/blue');
});

for (const [problem, text] of [
  ['another scheme', 'http://db:8500'],
  ['no server', 'consul:///shoal'],
  ['an empty server', 'consul://one,,two'],
  ['a port of zero', 'consul://db:0'],
  ['a port above 65535', 'consul://db:65536'],
  ['a port that is no number', 'consul://db:http'],
  ['an IPv6 address without brackets', 'consul://fd00::1'],
  ['a token', 'consul://secret@db'],
  ['a query', 'consul://db?dc=1'],
  ['a space in the prefix', 'consul://db/a b'],
  ['an empty part of the prefix', 'consul://db/a//b'],
] as const) {
  test(`an address with ${problem} is refused`, (t) => {
    t.throws(() => parseConsulAddress(text), {
      message: /^discovery must be consul:\/\/host:port\[,host:port…\]\[\/prefix\], not /u,
    });
  });
}

test('the highest port is accepted', (t) => {
  t.is(parseConsulAddress('consul://db:65535').servers[0]?.port, 65_535);
});

test('the error about an address never repeats its token', (t) => {
  const error = t.throws(() => parseConsulAddress('consul://t0ken@db:8500'));
  t.false(error.message.includes('t0ken'));
  t.true(error.message.endsWith('not consul://…@db:8500'));
});

test('every list of servers is read back as it was written', (t) => {
  const aServer = fc.record({
    host: fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/u),
    port: fc.integer({ min: 1, max: 65_535 }),
  });
  const aPrefix = fc
    .array(fc.stringMatching(/^[\w.-]{1,8}$/u), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join('/'));
  fc.assert(
    fc.property(fc.array(aServer, { minLength: 1, maxLength: 5 }), aPrefix, (servers, prefix) => {
      const list = servers.map(({ host, port }) => `${host}:${port}`).join(',');
      t.deepEqual(parseConsulAddress(`consul://${list}/${prefix}`), { servers, prefix });
    }),
  );
});
