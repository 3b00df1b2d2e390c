import test from 'ava';
import type { OnMachine } from './state.js';
import { differences } from './state.js';

const wanted = { keep: 2, target: 1, tide: 0, probe: 1 };

const one: OnMachine = {
  node: 'node-1',
  containers: ['faults-keep-1 running', 'watch-probe-1 running', 'watch-target-1 running'],
  networks: ['faults-shared', 'faults_default'],
  links: ['sh4096', 'sh4097', 'shvx4096', 'shvx4097'],
  ruled: ['sh4096', 'sh4097'],
};
const two: OnMachine = { ...one, node: 'node-2', containers: ['faults-keep-2 running'] };
const three: OnMachine = { node: 'node-3', containers: [], networks: [], links: [], ruled: [] };

test('every slot once, and networks where they are used, is as wanted', (t) => {
  t.deepEqual(differences(wanted, [one, two, three]), []);
});

for (const [what, machine, found] of [
  [
    'a container twice',
    { containers: [...two.containers, 'faults-keep-1 running'] },
    'faults-keep-1 is there twice',
  ],
  [
    'a container that has ended',
    { containers: ['faults-keep-2 exited'] },
    'faults-keep-2 does not run',
  ],
  [
    'one that nobody wants',
    { containers: [...two.containers, 'other-1 running'] },
    'other-1 running on node-2',
  ],
  [
    'a bridge too many',
    { links: [...two.links, 'sh4098'] },
    'links sh4096 sh4097 shvx4096 shvx4097 sh4098 on node-2 for 2 networks',
  ],
  ['a rule for a bridge that is gone', { ruled: ['sh4099'] }, 'rules for sh4099 on node-2'],
] as const) {
  test(`${what} is a difference`, (t) => {
    t.true(differences(wanted, [one, { ...two, ...machine }, three]).includes(found));
  });
}

test('a network on a machine that runs nothing is a difference', (t) => {
  const left = { ...three, networks: ['faults_default'], links: ['sh4096', 'shvx4096'] };
  t.deepEqual(differences(wanted, [one, two, left]), [
    'networks faults_default on node-3, not ',
    'links sh4096 shvx4096 on node-3 for 0 networks',
  ]);
});
