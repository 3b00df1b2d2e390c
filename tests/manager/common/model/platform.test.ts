import test from 'ava';
import fc from 'fast-check';
import {
  normalArch,
  parsePlatform,
  runsPlatform,
} from '../../../../manager/common/model/platform.js';

for (const [names, arch] of [
  [['x86_64', 'x86-64', 'AMD64', 'amd64'], 'amd64'],
  [['aarch64', 'ARM64'], 'arm64'],
  [['armv6l', 'armv7l', 'armhf', 'arm'], 'arm'],
  [['i386', 'i686', 'x86', '386'], '386'],
  [['riscv64', 'RISCV64'], 'riscv64'],
] as const) {
  test(`${names.join(', ')} are one architecture, ${arch}`, (t) => {
    for (const name of names) t.is(normalArch(name), arch);
  });
}

test('a platform names system and architecture; the variant is ignored', (t) => {
  t.deepEqual(parsePlatform('linux/arm64/v8'), { os: 'linux', arch: 'arm64' });
  t.deepEqual(parsePlatform('Windows/x86_64'), { os: 'windows', arch: 'amd64' });
});

test('an architecture alone means linux', (t) => {
  t.deepEqual(parsePlatform('aarch64'), { os: 'linux', arch: 'arm64' });
});

test('a node runs a platform only if both system and architecture agree', (t) => {
  const platform = parsePlatform('linux/amd64');
  t.true(runsPlatform(platform, 'linux', 'amd64'));
  t.true(runsPlatform(platform, 'Linux', 'x86_64'));
  t.false(runsPlatform(platform, 'windows', 'amd64'));
  t.false(runsPlatform(platform, 'linux', 'arm64'));
});

test('every node runs its own platform', (t) => {
  const aName = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,8}$/u);
  fc.assert(
    fc.property(aName, aName, (os, arch) => runsPlatform(parsePlatform(`${os}/${arch}`), os, arch)),
  );
  t.pass();
});
