import test from 'ava';
import { aServiceSpec } from '../../../../../fixtures/cluster/build.js';
import type { Resources } from '../../../../../manager/common/model/service.js';
import {
  addUsage,
  describeShortage,
  noUsage,
  shortageOf,
  usageOf,
} from '../../../../../manager/common/model/trust/project-quota.js';

const gib = 1024 ** 3;

function usageWith(resources: Partial<Resources>): ReturnType<typeof usageOf> {
  const { task } = aServiceSpec('web');
  return usageOf({ ...task, resources: { ...task.resources, ...resources } });
}

test('a container uses its limits, or else its reservations', (t) => {
  const reservations = { nanoCpus: 1e9, memoryBytes: gib };
  t.like(usageWith({ reservations }), { nanoCpus: 1e9, memoryBytes: gib, containers: 1 });
  const limits = { nanoCpus: 2e9 };
  t.like(usageWith({ reservations, limits }), { nanoCpus: 2e9, memoryBytes: gib });
  t.like(usageWith({}), { nanoCpus: 0, memoryBytes: 0, ports: 0, volumes: 0 });
});

test('a request fits up to the limit, and the shortage has all its numbers', (t) => {
  const quota = { nanoCpus: 3e9, memoryBytes: 2 * gib, containers: 5 };
  const request = { ...noUsage, nanoCpus: 1.5e9, memoryBytes: gib, containers: 1 };
  t.is(shortageOf(quota, request, request), undefined);
  const used = addUsage(request, request);
  const shortage = shortageOf(quota, used, request);
  t.deepEqual(shortage?.exceeded, [
    'cpus (requested 1.5, used 3, limit 3)',
    'memory (requested 1 GiB, used 2 GiB, limit 2 GiB)',
  ]);
  t.is(shortageOf({}, used, request), undefined, 'an absent limit is no limit');
  t.deepEqual(addUsage(used, request, -1), request);
});

test('a container without a limit of a limited resource does not fit', (t) => {
  const shortage = shortageOf({ memoryBytes: gib }, noUsage, { ...noUsage, containers: 1 });
  t.deepEqual(shortage, { exceeded: [], unlimited: ['memory'] });
  if (shortage === undefined) return;
  t.is(
    describeShortage('shop', shortage).summary,
    'quota of project shop limits memory, and the container has no limit of its own',
  );
  t.is(
    shortageOf({ volumes: 1, memoryBytes: gib }, noUsage, { ...noUsage, volumes: 1 }),
    undefined,
  );
});

test('a quota of 0 admits nothing; what a request does not use is not counted', (t) => {
  t.truthy(shortageOf({ containers: 0 }, noUsage, { ...noUsage, containers: 1 }));
  t.is(
    shortageOf({ ports: 0 }, { ...noUsage, ports: 3 }, { ...noUsage, containers: 1 }),
    undefined,
  );
});
