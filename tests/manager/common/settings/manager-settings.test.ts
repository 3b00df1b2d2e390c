import test from 'ava';
import fc from 'fast-check';
import type { ManagerSettings } from '../../../../manager/common/settings/manager-settings.js';
import {
  decodeManagerSettings,
  encodeManagerSettings,
} from '../../../../manager/common/settings/manager-settings.js';

const good = {
  version: 2,
  clusterId: 'c',
  clusterName: 'prod',
  nodeId: 'n',
  listen: '0.0.0.0:7070',
  advertise: '192.0.2.1:7070',
  dataDir: '/var/lib/shoal/manager',
  pki: { ca: '/a', cert: '/b', key: '/c' },
};

const parse = (changes: object): ManagerSettings =>
  decodeManagerSettings(JSON.stringify({ ...good, ...changes }), 'manager.json');

const word = fc.string({ minLength: 1 });
const address = fc.record({
  host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('localhost', 'manager-1.example')),
  port: fc.nat(65_535),
});
const settings: fc.Arbitrary<ManagerSettings> = fc.record(
  {
    clusterId: word,
    clusterName: word,
    nodeId: word,
    listen: address,
    advertise: word,
    metricsListen: address,
    dataDir: word,
    discovery: word,
    consul: fc.record(
      {
        tokenFile: word,
        tls: fc.record({ ca: word, cert: word, key: word }, { requiredKeys: ['ca'] }),
      },
      { requiredKeys: [] },
    ),
    pki: fc.record(
      { ca: word, cert: word, key: word, intermediate: fc.record({ cert: word, key: word }) },
      { requiredKeys: ['ca', 'cert', 'key'] },
    ),
    strategy: fc.constantFrom('spread', 'binpack', 'random'),
    logLevel: fc.constantFrom('debug', 'info', 'warn', 'error'),
  },
  {
    requiredKeys: [
      'clusterId',
      'clusterName',
      'nodeId',
      'listen',
      'advertise',
      'dataDir',
      'pki',
      'strategy',
      'logLevel',
    ],
  },
);

/** Records of fast-check have no prototype; parsed objects do. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('settings that are written are read back unchanged', (t) => {
  fc.assert(
    fc.property(settings, (wanted) => {
      t.deepEqual(
        plain(decodeManagerSettings(encodeManagerSettings(wanted), 'manager.json')),
        plain(wanted),
      );
    }),
  );
});

test('missing keys have their default values', (t) => {
  t.like(parse({}), { strategy: 'spread', logLevel: 'info' });
});

test('settings of version 1 are migrated', (t) => {
  const { version: _version, ...old } = good;
  const pair = { cert: '/d', key: '/e' };
  const text = JSON.stringify({
    ...old,
    discovery: 'embedded',
    pki: { ...good.pki, intermediate: pair, engineClient: pair },
  });
  t.deepEqual(
    decodeManagerSettings(text, 'manager.json'),
    parse({ pki: { ...good.pki, intermediate: pair } }),
  );
});

for (const [changes, problem] of [
  [{ clusterId: undefined }, 'clusterId must be a non-empty string'],
  [{ listen: '7070' }, 'listen must be HOST:PORT, not "7070"'],
  [{ metricsListen: 'a:70000' }, 'metricsListen must be HOST:PORT, not "a:70000"'],
  [{ strategy: 'best' }, 'strategy must be one of spread, binpack, random'],
  [{ pki: undefined }, 'pki must be an object'],
  [
    { pki: { ...good.pki, intermediate: { cert: 1 } } },
    'pki.intermediate.cert must be a non-empty string',
  ],
  [{ pki: { ...good.pki, engineClient: {} } }, 'pki.engineClient is not a known key; remove it'],
  [{ consul: { tls: { cert: '/x' } } }, 'consul.tls.ca must be a non-empty string'],
  [{ dataDirectory: '/x' }, 'dataDirectory is not a known key; remove it'],
  [{ version: 'two' }, 'version must be a positive integer'],
  [{ version: 0 }, 'version must be a positive integer'],
  [
    { version: 3 },
    'version 3 is newer than this program reads (up to 2); use the shoal that wrote the file, or provision the machine again with this one',
  ],
] as const) {
  test(`settings are rejected: ${problem} (${JSON.stringify(changes)})`, (t) => {
    t.throws(() => parse(changes), { message: `manager.json: ${problem}` });
  });
}

test('a file that is not a JSON object is rejected', (t) => {
  t.throws(() => decodeManagerSettings('{', 'manager.json'), {
    message: /^manager\.json: invalid JSON$/u,
  });
  t.throws(() => decodeManagerSettings('[]', 'manager.json'), {
    message: 'manager.json: the value must be an object',
  });
});
