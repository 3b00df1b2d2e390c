import test from 'ava';
import { readHosts } from '../../../../cli/compose/decode/hosts.js';
import { MappingReader } from '../../../../cli/compose/decode/reader.js';
import { parseYaml } from '../../../../cli/compose/yaml/yaml.js';

function hosts(value: string): string[] | undefined {
  const root = parseYaml({ file: 'f', text: `h: ${value}` })[0]?.root ?? null;
  return readHosts(new MappingReader(root, [], root), 'h');
}

test('hosts are sorted, one address each, without brackets', (t) => {
  t.deepEqual(hosts('["b:1.1.1.1,::2", "a=[::1]"]'), ['a=::1', 'b=1.1.1.1', 'b=::2']);
  t.deepEqual(hosts('{b: [1.1.1.1, "::2"], a: "[::1]"}'), ['a=::1', 'b=1.1.1.1', 'b=::2']);
  t.is(hosts('[]'), undefined);
  t.is(hosts('{}'), undefined);
  t.is(hosts('x'), undefined);
  t.deepEqual(hosts('{a: []}'), []);
  t.deepEqual(hosts('{b: 1.1.1.1, a: [], c: ["2.2.2.2,::1"]}'), [
    'b=1.1.1.1',
    'c=2.2.2.2',
    'c=::1',
  ]);
  t.deepEqual(hosts('["a=[::1", "b=::1]"]'), ['a=[::1', 'b=::1]']);
});

test('a host without an address or name, or with a colon in its name, is refused', (t) => {
  t.throws(() => hosts('[a]'), { message: 'f:1:5: h.0: "a" has no address; write host=address' });
  for (const text of ['=1.1.1.1', ':1.1.1.1'])
    t.throws(() => hosts(`["${text}"]`), { message: /has no host name; write host=address/u });
  t.throws(() => hosts('["a:b=1.1.1.1"]'), {
    message: 'f:1:5: h.0: "a:b=1.1.1.1" has a colon in its host name; remove it',
  });
});
