import test from 'ava';
import { validateSchema } from '../../../../cli/compose/check/validate.js';
import type { TreeMap } from '../../../../cli/compose/yaml/tree.js';
import { parseYaml } from '../../../../cli/compose/yaml/yaml.js';

/** Returns the message of the refusal, or undefined. */
function problem(text: string): string | undefined {
  try {
    validateSchema(parseYaml({ file: 'f', text })[0]?.root as TreeMap);
    return undefined;
  } catch (error) {
    return (error as Error).message.replace(/^f:\d+:\d+: /u, '');
  }
}

const service = (fields: string): string | undefined =>
  problem(`services: {a: {${fields}}}`)?.replace('services.a.', '');

test('a value has one of the types of its key', (t) => {
  for (const fields of [
    ...['image: x', 'init: true', 'init: "yes"', 'scale: 1', 'scale: "1"', 'scale: 3.0'],
    ...['cpus: 1.5', 'cpus: 3.0', 'cpus: 18446744073709551615', 'dns: x', 'dns: [x]'],
    ...['command: null', 'environment: {A: null, B: 1, C: true}', 'privileged: true'],
  ]) {
    t.is(service(fields), undefined);
  }
});

test('a value of another type is refused with all types of the key', (t) => {
  t.is(service('image: 1'), 'image: must be a string, not 1');
  t.is(service('image: null'), 'image: must be a string, not empty');
  t.is(service('image: []'), 'image: must be a string, not a list');
  t.is(service('image: {}'), 'image: must be a string, not a mapping');
  t.is(service('scale: 1.5'), 'scale: must be a whole number or a string, not 1.5');
  t.is(service('init: 1'), 'init: must be true or false or a string, not 1');
  t.is(service('dns: 1'), 'dns: must be a string or a list, not 1');
  t.is(service('ports: x'), 'ports: must be a list, not the string "x"');
  t.is(
    service(`ports: ${'x'.repeat(70)}`),
    `ports: must be a list, not the string "${'x'.repeat(60)}"`,
  );
});

test('a date has to be quoted', (t) => {
  t.is(service('image: 2020-01-31'), 'image: "2020-01-31" is a date in YAML; quote it');
});

test('of several forms the problem of the one that was meant is reported', (t) => {
  t.is(
    service('build: {contxt: x}'),
    "build.contxt: additional properties 'contxt' not allowed here; did you mean context?",
  );
  t.is(service('dns: [1]'), 'dns.0: must be a string, not 1');
});

test('unknown keys are refused with a suggestion', (t) => {
  t.is(
    service('imag: x'),
    "imag: additional properties 'imag' not allowed here; did you mean image?",
  );
  t.is(service('zzzzzzzz: x'), "zzzzzzzz: additional properties 'zzzzzzzz' not allowed here");
  t.is(
    problem('zzzzzzzz: {}'),
    "zzzzzzzz: additional properties 'zzzzzzzz' not allowed here; put services under the key services",
  );
  t.is(
    problem('services: {"a b": {}}'),
    "services.a b: additional properties 'a b' not allowed; use letters, digits, ., _ and - in names",
  );
  t.is(
    service('constructor: x'),
    "constructor: additional properties 'constructor' not allowed here",
  );
  t.is(service('x-any: {y: 1}'), undefined);
  t.is(problem('x-any: 1'), undefined);
});

test('required keys are named', (t) => {
  t.is(
    service('depends_on: {b: {}}'),
    "depends_on.b: missing property 'condition'; add the key condition",
  );
});

test('unique items are compared by value', (t) => {
  t.is(service('cap_add: [A, B, A]'), 'cap_add.2: is the same as item 0; items must be unique');
  t.is(service('cap_add: [A, B]'), undefined);
  t.is(service('cap_add: [A]'), undefined);
  t.is(
    service('ports: [{target: 1, mode: host}, {mode: host, target: 1}]'),
    'ports.1: is the same as item 0; items must be unique',
  );
  t.is(service('ports: [1, "1"]'), undefined);
  t.is(service('ports: [{target: 1, mode: host}, {target: 2, mode: host}]'), undefined);
});

test('enumerations, limits and patterns', (t) => {
  t.is(
    service('depends_on: {b: {condition: x}}'),
    'depends_on.b.condition: must be one of service_started, service_healthy, service_completed_successfully, not "x"',
  );
  t.is(service('cpu_percent: 0'), undefined);
  t.is(service('cpu_percent: 100'), undefined);
  t.is(service('cpu_percent: -1'), 'cpu_percent: must be 0 or more, not -1');
  t.is(service('cpu_percent: 101'), 'cpu_percent: must be 100 or less, not 101');
  t.is(service('cpu_percent: 101.0'), 'cpu_percent: must be 100 or less, not 101');
  t.is(service('cpu_count: -1'), 'cpu_count: must be 0 or more, not -1');
});
