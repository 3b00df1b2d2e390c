import test from 'ava';
import { waitFor } from '../../../../fixtures/lab/wait.js';
import { demo, now, objects, running } from '../../../helpers/fakes/demo-project.js';
import { FakeCluster } from '../../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../../helpers/program/run-command.js';

/** A cluster whose first container exits with 3 and whose objects vanish on `project.remove`. */
function clusterThatEnds(): FakeCluster {
  return new FakeCluster(objects, {
    'project.remove': (_args, self) => {
      const removed = objects.tasks.map(({ id }) => ({ table: 'tasks', id }) as const);
      const service = { table: 'services', id: objects.services[0]?.id ?? '' } as const;
      for (const object of [...removed, service]) void self.push({ kind: 'remove', ...object });
      return { changes: [], orphans: [] };
    },
  });
}

async function endFirst(client: FakeCluster): Promise<void> {
  const task = running(1, 'n1');
  const status = { ...task.status, state: 'failed' as const, exitCode: 3 };
  await waitFor('the list of tasks', () => client.lastArgs('task.list'));
  // The watch starts after the lists; repeated until the command has ended.
  await client.push({ kind: 'put', table: 'tasks', object: { ...task, status } });
}

for (const [flags, removals] of [
  [[], 0],
  [['--down-project'], 1],
] as const) {
  test(`wait ${flags.join(' ')} ends with the first container's code and ${removals} removals`, async (t) => {
    const client = clusterThatEnds();
    let hasEnded = false;
    const result = runCommand([...demo, 'wait', ...flags, 'web'], { client, now }).finally(() => {
      hasEnded = true;
    });
    await waitFor('the command to end', async () => {
      await endFirst(client);
      return hasEnded ? true : undefined;
    });
    const { code, stdout } = await result;
    t.is(code, 3);
    t.regex(stdout, /"demo-web-1" exited with status code 3/u);
    t.is(client.calls.filter(({ name }) => name === 'project.remove').length, removals);
    if (removals > 0)
      t.like(client.lastArgs('project.remove'), { project: 'demo', volumes: false });
  });
}
