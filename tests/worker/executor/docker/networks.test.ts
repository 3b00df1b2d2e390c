import test from 'ava';
import {
  orphanedEndpoints,
  removalProblem,
  toObservedNetwork,
  type ListedNetwork,
} from '../../../../worker/executor/docker/networks.js';
import { engineRecording } from '../../../helpers/fakes/engine-recording.js';

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

test('an endpoint is orphaned if no container has its id or name', (t) => {
  const network = {
    Containers: { 'ep-1': { Name: 'gone' }, abc: { Name: 'renamed' }, x: { Name: 'there' } },
  };
  t.deepEqual(orphanedEndpoints(network, new Set(['there', 'abc'])), ['gone']);
  t.deepEqual(orphanedEndpoints({ Containers: null }, new Set()), []);
});

test('the reason why a network cannot be removed names containers, or the engine as last remedy', (t) => {
  const attached = { Containers: { c1: { Name: 'other' }, 'ep-2': { Name: 'gone' } } };
  t.regex(removalProblem(attached, ['gone']), /^containers are attached: other; disconnect/u);
  t.regex(removalProblem({ Containers: { 'ep-2': { Name: 'gone' } } }, ['gone']), /freed: gone$/u);
  t.regex(removalProblem({ Containers: {} }, []), /; restart it with "systemctl restart docker"$/u);
});
