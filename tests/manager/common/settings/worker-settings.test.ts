import test from 'ava';
import fc from 'fast-check';
import type { NodeId } from '../../../../manager/common/model/ids.js';
import type { WorkerSettings } from '../../../../manager/common/settings/worker-settings.js';
import {
  decodeWorkerSettings,
  encodeWorkerSettings,
} from '../../../../manager/common/settings/worker-settings.js';

const word = fc.string({ minLength: 1 });
const settings: fc.Arbitrary<WorkerSettings> = fc.record(
  {
    clusterId: word,
    nodeId: word.map((id) => id as NodeId),
    name: word,
    address: word,
    managers: fc.array(word, { minLength: 1 }),
    dataDir: word,
    secretsDir: word,
    dockerSocket: word,
    pki: fc.record({ ca: word, cert: word, key: word }),
    labels: fc.dictionary(
      word.filter((key) => key !== '__proto__'),
      fc.string(),
    ),
    dataPlane: fc.constantFrom('overlay', 'engine'),
    logLevel: fc.constantFrom('debug', 'info', 'warn', 'error'),
  },
  {
    requiredKeys: [
      'clusterId',
      'nodeId',
      'name',
      'address',
      'managers',
      'dataDir',
      'dockerSocket',
      'pki',
      'labels',
      'dataPlane',
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
        plain(decodeWorkerSettings(encodeWorkerSettings(wanted), 'worker.json')),
        plain(wanted),
      );
    }),
  );
});

const good = {
  clusterId: 'c',
  nodeId: 'n',
  name: 'node-1',
  address: '192.0.2.1',
  managers: ['192.0.2.1:7070'],
  dataDir: '/var/lib/shoal/worker',
  pki: { ca: '/a', cert: '/b', key: '/c' },
};

test('settings without a version are of version 1 and still read', (t) => {
  const read = (version: object): WorkerSettings =>
    decodeWorkerSettings(JSON.stringify({ ...version, ...good }), 'worker.json');
  t.deepEqual(read({}), read({ version: 2 }));
});

test('settings of a later version and unknown keys are rejected with file and key', (t) => {
  const read = (changes: object): WorkerSettings =>
    decodeWorkerSettings(JSON.stringify({ ...good, ...changes }), 'worker.json');
  t.throws(() => read({ version: 9, newKey: 1 }), {
    message: /^worker\.json: version 9 is newer than this program reads \(up to 2\); .*$/u,
  });
  t.throws(() => read({ secretDir: '/x' }), {
    message: 'worker.json: secretDir is not a known key; remove it',
  });
  t.throws(() => read({ managers: ['a', 1] }), {
    message: 'worker.json: managers[1] must be a string',
  });
});
