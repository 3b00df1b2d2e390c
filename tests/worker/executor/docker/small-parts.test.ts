import test from 'ava';
import { aContainer } from '../../../../fixtures/cluster/build.js';
import { translateError } from '../../../../worker/executor/docker/client.js';
import {
  toEngineDescription,
  type EngineInfo,
} from '../../../../worker/executor/docker/engine-description.js';
import { effectiveCommand, toReference } from '../../../../worker/executor/docker/images.js';
import {
  orphanedEndpoints,
  toObservedNetwork,
  type ListedNetwork,
} from '../../../../worker/executor/docker/networks.js';
import { formatResolvConf } from '../../../../worker/executor/docker/resolv-conf.js';
import { engineRecording } from '../../../helpers/fakes/engine-recording.js';

test('an image reference is split at its tag, which defaults to latest', (t) => {
  t.deepEqual(toReference('redis'), { fromImage: 'redis', tag: 'latest' });
  t.deepEqual(toReference('redis:7'), { fromImage: 'redis', tag: '7' });
  t.deepEqual(toReference('host:5000/a/b'), { fromImage: 'host:5000/a/b', tag: 'latest' });
  t.deepEqual(toReference('host:5000/a/b:1'), { fromImage: 'host:5000/a/b', tag: '1' });
  t.deepEqual(toReference('a@sha256:00'), { fromImage: 'a@sha256:00' });
});

test('the command of process 1 is composed as in the engine', (t) => {
  const image = { id: '', hasHealthcheck: false, entrypoint: ['/e'], command: ['c'] };
  t.deepEqual(effectiveCommand(aContainer(), image), ['/e', 'c']);
  t.deepEqual(effectiveCommand(aContainer({ command: ['x'] }), image), ['/e', 'x']);
  t.deepEqual(effectiveCommand(aContainer({ entrypoint: ['/o'] }), image), ['/o']);
  t.deepEqual(effectiveCommand(aContainer({ entrypoint: [], command: ['x'] }), image), ['x']);
});

test('resolv.conf has the worker’s DNS server as its only nameserver and ndots:0', (t) => {
  const host = 'search corp.example lan\nnameserver 192.0.2.53\n';
  const nameserver = '10.0.0.1';
  t.is(
    formatResolvConf({ nameserver, search: [], options: [], host }),
    'nameserver 10.0.0.1\nsearch corp.example lan\noptions ndots:0 timeout:2 attempts:4\n',
  );
  t.is(
    formatResolvConf({ nameserver, search: ['a'], options: ['ndots:2', 'rotate'], host }),
    'nameserver 10.0.0.1\nsearch a\noptions ndots:2 rotate timeout:2 attempts:4\n',
  );
  t.is(
    formatResolvConf({ nameserver, search: ['.'], options: [], host }),
    'nameserver 10.0.0.1\noptions ndots:0 timeout:2 attempts:4\n',
  );
});

test('a Shoal network is recognized by its label', (t) => {
  const [listed] = JSON.parse(engineRecording('networks.json')) as [ListedNetwork];
  t.like(toObservedNetwork(listed), {
    networkId: 'n1',
    name: 'demo_net',
    bridge: 'sh4096',
    subnet: '10.97.0.0/24',
    gateway: '10.97.0.1',
    mtu: 1450,
    internal: false,
  });
  t.is(toObservedNetwork({ ...listed, Labels: null }), undefined);
});

test('engine facts are read from the info response', (t) => {
  const facts = toEngineDescription(JSON.parse(engineRecording('info.json')) as EngineInfo);
  t.regex(facts.version, /^20\.10/);
  t.true(facts.cpus > 0 && facts.memoryBytes > 2 ** 30);
  t.true(facts.plugins.includes('network/bridge'));
  t.true(facts.plugins.includes('volume/local'));
  t.deepEqual(
    toEngineDescription({ ServerVersion: '1', NCPU: 1, MemTotal: 1, Labels: ['a=b=c', 'd'] })
      .labels,
    { a: 'b=c', d: '' },
  );
});

test('dockerode errors become one-line AppErrors with a kind', (t) => {
  const answered = (statusCode: number, message: string): object =>
    Object.assign(new Error(`(HTTP code ${String(statusCode)}) x - ${message}`), {
      statusCode,
      json: { message },
    });
  const kind = (error: unknown): string => {
    const { kind: found, message } = translateError(error, 'start container c');
    return `${found}: ${message}`;
  };
  t.is(
    kind(answered(404, 'No such container: c')),
    'not-found: start container c: No such container: c',
  );
  t.is(kind(answered(409, 'in use.')), 'conflict: start container c: in use');
  t.is(kind(answered(500, 'first\nsecond')), 'internal: start container c: first');
  t.is(
    kind(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })),
    'unavailable: start container c: cannot connect to the Docker engine (ECONNREFUSED); check that it is running',
  );
  t.regex(kind(new DOMException('', 'TimeoutError')), /^timeout: /);
  t.regex(kind(new DOMException('', 'AbortError')), /^cancelled: /);
});

test('an endpoint is orphaned if no container has its id or name', (t) => {
  const network = {
    Containers: { 'ep-1': { Name: 'gone' }, abc: { Name: 'renamed' }, x: { Name: 'there' } },
  };
  t.deepEqual(orphanedEndpoints(network, new Set(['there', 'abc'])), ['gone']);
  t.deepEqual(orphanedEndpoints({ Containers: null }, new Set()), []);
});
