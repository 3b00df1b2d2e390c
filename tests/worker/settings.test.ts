import test from 'ava';
import { parseArguments } from '../../worker/main.js';
import { parseSettings, type Process } from '../../worker/settings.js';

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

const parse = (changes: object, by: Process = root): ReturnType<typeof parseSettings> =>
  parseSettings(JSON.stringify({ ...good, ...changes }), 'worker.json', by);

test('what is not said has its usual value', (t) => {
  t.like(parse({}), {
    dockerSocket: '/var/run/docker.sock',
    secretsDir: '/run/shoal/secrets',
    dataPlane: 'overlay',
    logLevel: 'info',
  });
});

test('without root the secrets lie in the memory of the user, and overlays are refused', (t) => {
  const engine = { dataPlane: 'engine' };
  t.is(parse(engine, user).secretsDir, '/run/user/7/shoal-secrets');
  t.is(
    parse(engine, { ...user, runtimeDir: undefined }).secretsDir,
    '/var/lib/shoal/worker/shoal-secrets',
  );
  t.throws(() => parse({}, user), { message: /^worker\.json: dataPlane overlay needs root/ });
});

for (const [key, value, needed] of [
  ['clusterId', undefined, 'clusterId must be a text that is not empty'],
  ['managers', [], 'managers must be a list of texts'],
  ['managers', 'x', 'managers must be a list of texts'],
  ['labels', { a: 1 }, 'labels must be an object of texts'],
  ['dataPlane', 'vlan', 'dataPlane must be one of overlay, engine'],
  ['pki', { ca: '/a', cert: '/b' }, 'pki.key must be a text that is not empty'],
  ['pki', undefined, 'pki. must be an object'],
] as const) {
  test(`${key} as ${value === undefined ? 'nothing' : JSON.stringify(value)} is refused with file and key`, (t) => {
    t.throws(() => parse({ [key]: value }), { message: `worker.json: ${needed}` });
  });
}

test('a file that is no JSON is refused', (t) => {
  t.throws(() => parseSettings('{', 'worker.json', root), {
    message: /^worker\.json is not JSON: /,
  });
});

test('flags are read, unknown ones refused', (t) => {
  t.deepEqual(
    { ...parseArguments(['--purge', '--config', '/x']) },
    { config: '/x', purge: true, volumes: false },
  );
  t.throws(() => parseArguments(['--purge', '--what']), { message: /^shoal worker: .*--what/ });
});
