import test from 'ava';
import { checkTree } from '../../../../cli/compose/check/check-tree.js';
import type { TreeMap } from '../../../../cli/compose/yaml/tree.js';
import { parseYaml } from '../../../../cli/compose/yaml/yaml.js';

/** Returns the message of the refusal, or undefined. */
function problem(text: string): string | undefined {
  try {
    checkTree(parseYaml({ file: 'f', text })[0]?.root as TreeMap);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

test('an external volume has a name and extensions only', (t) => {
  t.is(problem('volumes: {v: {external: true, name: n, x-a: 1}}'), undefined);
  t.is(problem('volumes: {v: {external: false, driver: d}}'), undefined);
  t.is(problem('volumes: {v: null, w: {driver: d}}'), undefined);
  t.is(
    problem('volumes: {v: {external: true, name: n, driver: d}}'),
    'f:1:40: volumes.v.driver: cannot be set on an external volume; remove it',
  );
});

test('a secret or config has one source of its content', (t) => {
  for (const [kind, key] of [
    ...[['secrets', 'file'] as const, ['secrets', 'environment'] as const],
    ...[['configs', 'file'] as const, ['configs', 'environment'] as const],
    ...[['configs', 'content'] as const, ['configs', 'driver'] as const],
    ...[['secrets', 'driver'] as const, ['secrets', 'external'] as const],
  ]) {
    t.is(problem(`${kind}: {a: {${key}: x}}`), undefined);
  }
  t.is(
    problem('configs: {a: {environment: x, file: y}}'),
    'f:1:15: configs.a.environment: file and environment exclude each other; keep one',
  );
  t.is(
    problem('configs: {a: {content: x, environment: y}}'),
    'f:1:15: configs.a.content: environment and content exclude each other; keep one',
  );
});

test('a secret or config without content is refused', (t) => {
  t.is(
    problem('secrets: {a: {name: n}}'),
    'f:1:11: secrets.a: has no content; set one of file, environment, or external: true',
  );
  t.is(
    problem('configs: {a: {name: n}}'),
    'f:1:11: configs.a: has no content; set one of file, environment, content, or external: true',
  );
  t.is(
    problem('secrets: {a: {content: n}}'),
    'f:1:11: secrets.a: has no content; set one of file, environment, or external: true',
  );
});

const service = (fields: string): string | undefined => problem(`services: {a: {${fields}}}`);

test('a port binds to an IP address', (t) => {
  t.is(service('ports: [{target: 1}, {target: 1, host_ip: 1.2.3.4}]'), undefined);
  t.is(service('ports: [{target: 1, host_ip: "::1"}]'), undefined);
  t.is(
    service('ports: [{target: 1}, {target: 1, host_ip: x}]'),
    'f:1:49: services.a.ports.1.host_ip: invalid IP address "x"; write an IPv4 or IPv6 address',
  );
});

test('a watch has a path', (t) => {
  t.is(service('develop: {watch: [{path: x}]}'), undefined);
  t.is(service('develop: null'), undefined);
  t.is(
    service('develop: {watch: [{path: ""}]}'),
    'f:1:35: services.a.develop.watch.0.path: is empty; set the path to watch',
  );
});

test('devices are requested by count or by id', (t) => {
  const reservation = (request: string): string =>
    `deploy: {resources: {reservations: {devices: [${request}]}}}`;
  for (const of of [(request: string): string => `gpus: [${request}]`, reservation]) {
    t.is(service(of('{count: 1}')), undefined);
    t.is(service(of('{device_ids: ["0"]}')), undefined);
    t.regex(
      service(of('{count: 1, device_ids: ["0"]}')) ?? '',
      /(gpus|devices)\.0: "count" and "device_ids" exclude each other; keep one$/u,
    );
  }
});
