import test from 'ava';
import { explain } from '../../../../cli/commands/cluster/explain.js';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';

const web = aService('web');

for (const [title, options, line] of [
  [
    'a failed start',
    { state: 'failed', status: { containerId: 'c1', error: 'exec: "nope": not found', at: 1_000 } },
    / failed 9 seconds ago on n: .*exec: "nope": not found$/mu,
  ],
  [
    'an exit with an error of the engine',
    { state: 'failed', status: { containerId: 'c1', exitCode: 128, error: 'OCI', at: 1_000 } },
    / failed 9 seconds ago on n with code 128: .*OCI$/mu,
  ],
  [
    'an exit',
    { state: 'failed', status: { containerId: 'c1', exitCode: 3, at: 1_000 } },
    / failed 9 seconds ago on n with code 3$/mu,
  ],
] as const) {
  test(`explain gives the reason of ${title}`, (t) => {
    const node = aNode('n');
    const task = aTask(web, 1, { node: 'n', ...options });
    t.regex(explain({ tasks: [task], nodes: new Map([[node.id, node]]) }, web, 10_000), line);
  });
}
