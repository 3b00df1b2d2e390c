import test from 'ava';
import { aService } from '../../../fixtures/cluster/build.js';
import type { ServiceSpec } from '../../../manager/common/model/service.js';
import { imagesToRemove } from '../../../cli/rollout/down.js';

/** A service of project `demo` with this image. */
function withImage(key: string, image: string, separator: Pick<ServiceSpec, 'nameSeparator'> = {}) {
  const { spec } = aService(key);
  const container = { ...spec.task.container, image };
  return { spec: { ...spec, ...separator, task: { ...spec.task, container } } };
}

const services = new Map(
  [
    withImage('api', 'demo-api'),
    withImage('web', 'demo_web'),
    withImage('old', 'demo_old', { nameSeparator: '_' }),
    withImage('job', 'demo-job', { nameSeparator: '_' }),
    withImage('db', 'postgres:16'),
  ].map((service) => [service.spec.service, service]),
);

test('--rmi local removes default names with the separator of the service only', (t) => {
  const wanted = { services: undefined, before: { services } };
  t.deepEqual(imagesToRemove(wanted, 'local'), ['demo-api', 'demo_old']);
  t.deepEqual(imagesToRemove(wanted, 'all'), [
    ...['demo-api', 'demo-job', 'demo_old', 'demo_web', 'postgres:16'],
  ]);
});

test('--rmi removes images of the named services only', (t) => {
  const wanted = { services: ['api', 'web'], before: { services } };
  t.deepEqual(imagesToRemove(wanted, 'local'), ['demo-api']);
  t.deepEqual(imagesToRemove({ ...wanted, services: [] }, 'all'), []);
});
