import test from 'ava';
import fc from 'fast-check';
import { aService, aServiceSpec } from '../../../../fixtures/cluster/build.js';
import type { NetworkMode } from '../../../../manager/common/model/container.js';
import {
  restartLayers,
  restartsWith,
  stopsFor,
  withDependents,
} from '../../../../manager/common/model/dependents.js';
import type { Dependency, Service } from '../../../../manager/common/model/service.js';

const on = (service: string, restart = true): Dependency => ({
  service,
  condition: 'service_started',
  required: true,
  restart,
});

const dependent = (name: string, ...leaders: readonly string[]): Service =>
  aService(name, { dependsOn: leaders.map((leader) => on(leader)) });

const namesOf = (layers: readonly (readonly Service[])[]): readonly (readonly string[])[] =>
  layers.map((layer) => layer.map(({ spec }) => spec.service));

test('a service restarts only with the dependencies that ask for it', (t) => {
  const web = aServiceSpec('web', { dependsOn: [on('api'), on('db', false), on('cache')] });
  t.deepEqual(restartsWith(web), ['api', 'cache']);
});

test('a service does not stop for the leader of its pod, which recreates it anyway', (t) => {
  const networkMode: NetworkMode = { kind: 'service', service: 'vpn' };
  const web = aServiceSpec('web', {
    dependsOn: [on('vpn'), on('api')],
    task: { container: { networkMode } },
  });
  t.deepEqual(stopsFor(web), ['api']);
});

test('the dependents of a service are found through other dependents, but no others', (t) => {
  const services = [
    dependent('web', 'api'),
    dependent('api', 'db'),
    dependent('db'),
    dependent('other', 'cache'),
    aService('job', { dependsOn: [on('db', false)] }),
  ].map(({ spec }) => spec);
  t.deepEqual([...withDependents(['db'], services)].sort(), ['api', 'db', 'web']);
  t.deepEqual(withDependents(['web'], services), ['web']);
});

test('services restart after those that they restart with, and together where nothing ties them', (t) => {
  const services = [
    dependent('web', 'api', 'cache'),
    dependent('api', 'db'),
    dependent('db'),
    dependent('cache'),
  ];
  t.deepEqual(namesOf(restartLayers(services)), [['db', 'cache'], ['api'], ['web']]);
});

test('a dependency outside the list delays no service', (t) => {
  t.deepEqual(namesOf(restartLayers([dependent('web', 'api')])), [['web']]);
});

test('a cycle restarts as one group after the services that it needs', (t) => {
  const services = [dependent('a', 'b'), dependent('b', 'a', 'db'), dependent('db')];
  t.deepEqual(namesOf(restartLayers(services)), [['db'], ['a', 'b']]);
});

test('no services form no group', (t) => {
  t.deepEqual(restartLayers([]), []);
});

test('every service is in one group, and never before one that it restarts with', (t) => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  // Edges lead to earlier names only, so that there is no cycle.
  const services = fc
    .tuple(
      ...names.map((name, at) =>
        fc.subarray(names.slice(0, at)).map((keys) => dependent(name, ...keys)),
      ),
    )
    .chain((list) => fc.shuffledSubarray(list, { minLength: list.length }));
  fc.assert(
    fc.property(services, (list) => {
      const layers = namesOf(restartLayers(list));
      t.deepEqual([...layers.flat()].sort(), names);
      const layerOf = (name: string): number => layers.findIndex((layer) => layer.includes(name));
      return list.every(({ spec }) =>
        restartsWith(spec).every((key) => layerOf(key) < layerOf(spec.service)),
      );
    }),
  );
});
