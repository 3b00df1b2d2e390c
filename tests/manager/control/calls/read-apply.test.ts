import test from 'ava';
import { aServiceSpec, aVolume } from '../../../../fixtures/cluster/build.js';
import { readApply } from '../../../../manager/control/calls/read-apply.js';

const service = aServiceSpec('web', { project: 'shop' });
const project = { project: 'shop', services: [service] };

test('absent lists and flags have defaults, and the specs are returned as sent', (t) => {
  const input = readApply(project);
  t.is(input.services[0], service);
  t.deepEqual([input.networks, input.secrets, input.known], [[], [], []]);
  t.deepEqual([input.dryRun, input.removeOrphans, input.timeoutMs], [false, false, undefined]);
});

const { container } = service.task;
const withContainer = (changes: object): object => ({
  ...project,
  services: [{ ...service, task: { ...service.task, container: { ...container, ...changes } } }],
});

for (const [title, value, message] of [
  ['no object', [], 'the value must be an object'],
  ['no project', { services: [] }, 'project must be a non-empty string'],
  [
    'a service without a spec',
    { ...project, services: [{}] },
    'services[0].name must be a non-empty string',
  ],
  [
    'an image that is a number',
    withContainer({ image: 7 }),
    'services[0].task.container.image must be a non-empty string',
  ],
  [
    'a mount of an unknown type',
    withContainer({ mounts: [{ type: 'nfs' }] }),
    'services[0].task.container.mounts[0].type must be one of volume, bind, tmpfs, image',
  ],
  [
    'a negative number of replicas',
    { ...project, services: [{ ...service, mode: { kind: 'replicated', replicas: -1 } }] },
    'services[0].mode.replicas must be a non-negative integer',
  ],
  [
    'a volume without a driver',
    { ...project, volumes: [{ ...aVolume('data').spec, driver: undefined }] },
    'volumes[0].driver must be a string',
  ],
  [
    'a secret without content',
    { ...project, secrets: [{ spec: { name: 's', project: 'shop', key: 's', labels: {} } }] },
    'secrets[0].data must be a string',
  ],
] as const) {
  test(`${title}: rejected with the path of the field`, (t) => {
    t.is(t.throws(() => readApply(value)).message, `project.apply: ${message}`);
  });
}

test('a service of another project is rejected', (t) => {
  t.is(
    t.throws(() => readApply({ ...project, project: 'other' })).message,
    'service web: does not belong to project other',
  );
});
