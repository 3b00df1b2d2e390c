import test from 'ava';
import type { MachineObservation } from './machine-observation.js';
import { differences } from './machine-observation.js';

const wanted = { keep: 2, target: 1, tide: 0, probe: 1 };

const first: MachineObservation = {
  node: 'node-1',
  containers: ['faults-keep-1 running', 'watch-probe-1 running', 'watch-target-1 running'],
  networks: ['faults-shared', 'faults_default'],
  links: ['sh4096', 'sh4097', 'shvx4096', 'shvx4097'],
  bridgesInRules: ['sh4096', 'sh4097'],
};
const second: MachineObservation = {
  ...first,
  node: 'node-2',
  containers: ['faults-keep-2 running'],
};
const third: MachineObservation = {
  node: 'node-3',
  containers: [],
  networks: [],
  links: [],
  bridgesInRules: [],
};

test('every slot filled once, with networks only where they are used, gives no difference', (t) => {
  t.deepEqual(differences(wanted, [first, second, third]), []);
});

for (const [title, machine, found] of [
  [
    'a duplicate container',
    { containers: [...second.containers, 'faults-keep-1 running'] },
    'faults-keep-1 exists twice',
  ],
  ['an exited container', { containers: ['faults-keep-2 exited'] }, 'faults-keep-2 is not running'],
  [
    'an unwanted container',
    { containers: [...second.containers, 'other-1 running'] },
    'other-1 running on node-2',
  ],
  [
    'an extra bridge',
    { links: [...second.links, 'sh4098'] },
    'links sh4096 sh4097 shvx4096 shvx4097 sh4098 on node-2 for 2 networks',
  ],
  ['a rule for a missing bridge', { bridgesInRules: ['sh4099'] }, 'rules for sh4099 on node-2'],
] as const) {
  test(`${title} is a difference`, (t) => {
    t.true(differences(wanted, [first, { ...second, ...machine }, third]).includes(found));
  });
}

test('a network on a machine that runs nothing is a difference', (t) => {
  const left = { ...third, networks: ['faults_default'], links: ['sh4096', 'shvx4096'] };
  t.deepEqual(differences(wanted, [first, second, left]), [
    'networks faults_default on node-3, not ',
    'links sh4096 shvx4096 on node-3 for 0 networks',
  ]);
});
