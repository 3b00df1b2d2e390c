import test from 'ava';
import {
  canonicalMount,
  cleanTarget,
  parseMount,
} from '../../../../cli/compose/canonical/volumes.js';
import type { Tree } from '../../../../cli/compose/yaml/tree.js';

function parse(spec: string): readonly [type: string, source: string, target: string] {
  const { type, source, target } = parseMount(spec);
  return [type, source, target];
}

test('a source that is a path is bound, another is a volume', (t) => {
  for (const [spec, expected] of [
    ['/data', ['volume', '', '/data']],
    ['v:/data', ['volume', 'v', '/data']],
    ['vol:/data:ro', ['volume', 'vol', '/data']],
    ['/src:/data', ['bind', '/src', '/data']],
    ['./src:/data', ['bind', './src', '/data']],
    ['~/src:/data', ['bind', '~/src', '/data']],
    ['v:/data:ro', ['volume', 'v', '/data']],
    [String.raw`C:\src:/data`, ['bind', String.raw`C:\src`, '/data']],
    ['C:/src:/data', ['bind', 'C:/src', '/data']],
    [String.raw`C:\src:D:\data:ro`, ['bind', String.raw`C:\src`, String.raw`D:\data`]],
    [String.raw`\\host\x:/data`, ['bind', String.raw`\\host\x`, '/data']],
    ['1:/data:rw', ['volume', '1', '/data']],
    ['${S:-./x}:/data', ['volume', '${S:-./x}', '/data']],
    ['${A:-${B:-c}}:${T:-/d}:ro', ['volume', '${A:-${B:-c}}', '${T:-/d}']],
    ['a}:${T}', ['volume', 'a}', '${T}']],
  ] as const) {
    t.deepEqual({ [spec]: parse(spec) }, { [spec]: expected } as never);
  }
});

test('options say how a mount is used, the last of contrary ones counts', (t) => {
  const none = { readOnly: false, noCopy: false, propagation: '', selinux: '' };
  for (const [options, expected] of [
    ['rw', {}],
    ['ro', { readOnly: true }],
    ['ro,rw', {}],
    ['rw,ro', { readOnly: true }],
    ['nocopy', { noCopy: true }],
    ['z', { selinux: 'z' }],
    ['z,Z', { selinux: 'Z' }],
    ['rslave,shared', { propagation: 'shared' }],
    ['private,unknown', { propagation: 'private' }],
  ] as const) {
    const { readOnly, noCopy, propagation, selinux } = parseMount(`v:/d:${options}`);
    t.deepEqual({ readOnly, noCopy, propagation, selinux }, { ...none, ...expected });
  }
});

test('faults of a mount are named', (t) => {
  for (const [spec, message] of [
    ['', 'mount is empty; write [SOURCE:]TARGET'],
    ['a::b', 'mount "a::b" has an empty section between colons; write [SOURCE:]TARGET[:OPTIONS]'],
    [':/d', 'mount ":/d" has an empty section between colons; write [SOURCE:]TARGET[:OPTIONS]'],
    ['a:/b:ro:x', 'mount "a:/b:ro:x" has too many colons; write [SOURCE:]TARGET[:OPTIONS]'],
  ] as const) {
    t.is(t.throws(() => parseMount(spec)).message, message);
  }
});

test('targets are cleaned like paths of Go', (t) => {
  for (const [target, clean] of [
    ['', ''],
    ['/', '/'],
    ['/a/', '/a'],
    ['/a//b/../c', '/a/c'],
    ['a/', 'a'],
    ['.', '.'],
  ] as const) {
    t.is(cleanTarget(target), clean);
  }
});

function canonical(value: Tree): unknown {
  const mount = canonicalMount(value, ['services', 'a', 'volumes', 0], {}, undefined);
  return JSON.parse(JSON.stringify(mount));
}

test('a spec becomes the long form with the options that docker compose hashes', (t) => {
  for (const [spec, mount] of [
    ['/d', { type: 'volume', target: '/d' }],
    ['/data/', { type: 'volume', target: '/data', volume: {} }],
    ['v:/d:ro', { type: 'volume', source: 'v', target: '/d', read_only: true, volume: {} }],
    ['v:/d:nocopy', { type: 'volume', source: 'v', target: '/d', volume: { nocopy: true } }],
    ['/s:/d', { type: 'bind', source: '/s', target: '/d', bind: { create_host_path: true } }],
    [
      '/s:/d:nocopy',
      {
        ...{ type: 'bind', source: '/s', target: '/d' },
        ...{ bind: { create_host_path: true }, volume: { nocopy: true } },
      },
    ],
    [
      '/s:/d:z,rslave',
      {
        ...{ type: 'bind', source: '/s', target: '/d' },
        bind: { create_host_path: true, propagation: 'rslave', selinux: 'z' },
      },
    ],
  ] as const) {
    t.deepEqual({ [spec]: canonical(spec) }, { [spec]: mount });
  }
});

test('the target of a long form is cleaned, other values are left to later checks', (t) => {
  t.deepEqual(canonical({ type: 'volume', target: '/a/' }), { type: 'volume', target: '/a' });
  t.deepEqual(canonical({ type: 'volume' }), { type: 'volume' });
  t.is(canonical(7), 7);
  t.is(
    t.throws(() => canonical('a::b')).message,
    'services.a.volumes.0: mount "a::b" has an empty section between colons; write [SOURCE:]TARGET[:OPTIONS]',
  );
});
