import test from 'ava';
import fc from 'fast-check';
import { aContainer } from '../../../../fixtures/cluster/build.js';
import {
  describeShared,
  hasPodLinks,
  needsRunningLeader,
  podLinksOf,
  podOf,
} from '../../../../manager/common/model/pod.js';

test('a container is tied by its network, its namespaces and its volumes', (t) => {
  const container = aContainer({
    networkMode: { kind: 'service', service: 'vpn' },
    ipcService: 'shm',
    pidService: 'app',
    volumesFrom: [
      { service: 'data', readOnly: false },
      { service: 'more', readOnly: true },
    ],
  });
  t.deepEqual(podLinksOf(container), [
    { service: 'vpn', shares: 'network' },
    { service: 'shm', shares: 'ipc' },
    { service: 'app', shares: 'pid' },
    { service: 'data', shares: 'volumes' },
    { service: 'more', shares: 'volumes' },
  ]);
  t.true(hasPodLinks(container));
});

test('a container with networks of its own, of the host or none is not tied', (t) => {
  for (const kind of ['networks', 'host', 'none'] as const) {
    const container = aContainer({ networkMode: { kind } });
    t.deepEqual(podLinksOf(container), []);
    t.false(hasPodLinks(container));
  }
});

test('a single tie makes a pod', (t) => {
  t.true(hasPodLinks(aContainer({ pidService: 'app' })));
});

test('namespaces need a running leader, volumes only its container', (t) => {
  const needy = (['network', 'ipc', 'pid', 'volumes'] as const).filter((shares) =>
    needsRunningLeader({ service: 'app', shares }),
  );
  t.deepEqual(needy, ['network', 'ipc', 'pid']);
});

test('a shared pid namespace is described as processes', (t) => {
  const words = (['network', 'ipc', 'pid', 'volumes'] as const).map((shares) =>
    describeShared({ service: 'app', shares }),
  );
  t.deepEqual(words, ['network', 'ipc', 'processes', 'volumes']);
});

test('a pod holds leaders, followers and the followers of its followers, sorted', (t) => {
  const members = [
    { name: 'vpn', leaders: [] },
    { name: 'web', leaders: ['vpn'] },
    { name: 'debug', leaders: ['web'] },
    { name: 'other', leaders: ['cache'] },
    { name: 'cache', leaders: [] },
  ];
  t.deepEqual(podOf('web', members), ['debug', 'vpn', 'web']);
  t.deepEqual(podOf('cache', members), ['cache', 'other']);
});

test('a service without ties is a pod of its own', (t) => {
  t.deepEqual(podOf('web', [{ name: 'web', leaders: [] }]), ['web']);
  t.deepEqual(podOf('web', []), ['web']);
});

test('every member of a pod has the same pod, and no pod shares a member with another', (t) => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const someMembers = fc.tuple(
    ...names.map((name) =>
      fc.subarray(names, { maxLength: 2 }).map((leaders) => ({ name, leaders })),
    ),
  );
  fc.assert(
    fc.property(someMembers, (members) => {
      const pods = new Map(names.map((name) => [name, podOf(name, members).join(' ')]));
      for (const [name, pod] of pods) {
        t.true(pod.includes(name));
        for (const other of names) t.is(pod.includes(other), pods.get(other) === pod);
      }
      return members.every(({ name, leaders }) =>
        leaders.every((leader) => pods.get(leader) === pods.get(name)),
      );
    }),
  );
});
