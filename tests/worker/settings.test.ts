import test from 'ava';
import { parseArguments } from '../../worker/main.js';
import { parseSettings, type ProcessUser } from '../../worker/settings.js';

const good = {
  clusterId: 'c',
  nodeId: 'n',
  name: 'node-1',
  address: '192.0.2.1',
  managers: ['192.0.2.1:7070'],
  dataDir: '/var/lib/shoal/worker',
  pki: { ca: '/a', cert: '/b', key: '/c' },
  labels: { disk: 'ssd' },
};

const root = { isRoot: true, runtimeDir: undefined };
const user = { isRoot: false, runtimeDir: '/run/user/7' };

const parse = (changes: object, by: ProcessUser = root): ReturnType<typeof parseSettings> =>
  parseSettings(JSON.stringify({ ...good, ...changes }), 'worker.json', by);

test('missing keys have their default values', (t) => {
  t.like(parse({}), {
    dockerSocket: '/var/run/docker.sock',
    secretsDir: '/run/shoal/secrets',
    dataPlane: 'overlay',
    logLevel: 'info',
  });
});

test('without root secrets are stored in the user’s runtime directory and overlays are rejected', (t) => {
  const engine = { dataPlane: 'engine' };
  t.is(parse(engine, user).secretsDir, '/run/user/7/shoal-secrets');
  t.is(
    parse(engine, { ...user, runtimeDir: undefined }).secretsDir,
    '/var/lib/shoal/worker/shoal-secrets',
  );
  t.throws(() => parse({}, user), { message: /^worker\.json: dataPlane overlay requires root/ });
});

for (const [key, value, needed] of [
  ['clusterId', undefined, 'clusterId must be a non-empty string'],
  ['managers', [], 'managers must be a non-empty array of strings'],
  ['managers', 'x', 'managers must be an array'],
  ['labels', { a: 1 }, 'labels.a must be a string'],
  ['dataPlane', 'vlan', 'dataPlane must be one of overlay, engine'],
  ['pki', { ca: '/a', cert: '/b' }, 'pki.key must be a non-empty string'],
  ['pki', undefined, 'pki must be an object'],
] as const) {
  test(`${key} as ${value === undefined ? 'nothing' : JSON.stringify(value)} is rejected with file and key`, (t) => {
    t.throws(() => parse({ [key]: value }), { message: `worker.json: ${needed}` });
  });
}

test('a file with invalid JSON is rejected', (t) => {
  t.throws(() => parseSettings('{', 'worker.json', root), {
    message: /^worker\.json: invalid JSON$/,
  });
});

test('known flags are parsed and unknown flags rejected', (t) => {
  t.deepEqual(
    { ...parseArguments(['--purge', '--config', '/x']) },
    { config: '/x', purge: true, volumes: false },
  );
  t.throws(() => parseArguments(['--purge', '--what']), { message: /^shoal worker: .*--what/ });
});
