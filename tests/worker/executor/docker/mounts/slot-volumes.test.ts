import test from 'ava';
import { aContainer, aService, aTask } from '../../../../../fixtures/cluster/build.js';
import { deferred } from '../../../../../manager/common/base/cancellation.js';
import {
  clusterLabel,
  serviceLabel,
  slotLabel,
  volumeTargetLabel,
} from '../../../../../manager/common/model/container-labels.js';
import type { AssignedTask } from '../../../../../manager/common/protocol/assignments.js';
import type { AnonymousVolumes } from '../../../../../worker/executor/docker/mounts/anonymous-volumes.js';
import type { EngineClient } from '../../../../../worker/executor/docker/client.js';
import { SlotVolumes } from '../../../../../worker/executor/docker/mounts/slot-volumes.js';
import { settle } from '../../../../simulation/virtual-clock.js';

const { signal } = new AbortController();
const service = aService('db', {
  task: { container: aContainer({ mounts: [{ type: 'volume', target: '/data' }] as never }) },
});
const task = aTask(service, 1) as unknown as AssignedTask;
const volume = {
  Name: 'a'.repeat(64),
  CreatedAt: '2026-01-01T00:00:00Z',
  Labels: {
    [clusterLabel]: 'c',
    [serviceLabel]: task.serviceId,
    [slotLabel]: '1',
    [volumeTargetLabel]: '/data',
  },
};

/** An engine with one unused volume, whose removal ends when the test says so. */
function engine() {
  const removal = deferred<undefined>();
  const calls: string[] = [];
  let there = true;
  const client = {
    call: async (what: string): Promise<unknown> => {
      calls.push(what);
      if (what === 'list containers') return [];
      if (what === 'list volumes') return there ? [volume] : [];
      await removal.promise;
      there = false;
      return undefined;
    },
  } as unknown as EngineClient;
  const volumes = new SlotVolumes(client, { clusterId: 'c' });
  return { volumes, calls, endRemoval: () => removal.resolve(undefined) };
}

const sources = ({ mounts }: AnonymousVolumes): readonly unknown[] =>
  mounts.map((mount) => ('source' in mount ? mount.source : undefined));

test('a new container gets the unused volume of its slot', async (t) => {
  const { volumes } = engine();
  t.deepEqual(sources(await volumes.mountsFor(task, [], [], signal)), [volume.Name]);
});

test('a volume that is being removed is not given to a container', async (t) => {
  const { volumes, calls, endRemoval } = engine();
  const swept = volumes.removeUnused(() => false, signal);
  await settle();
  t.is(calls.length, 2);
  const planned = volumes.mountsFor(task, [], [], signal);
  await settle();
  t.is(calls.length, 2, 'it waits for the removal');
  endRemoval();
  await swept;
  t.deepEqual(sources(await planned), [undefined]);
});

test('whether a slot is needed is asked for each volume when it would be removed', async (t) => {
  const { volumes, calls } = engine();
  let isNeeded = false;
  const swept = volumes.removeUnused(() => isNeeded, signal);
  isNeeded = true;
  await swept;
  t.deepEqual(calls, ['list volumes']);
});
