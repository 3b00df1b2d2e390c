import { execFileSync } from 'node:child_process';
import test from 'ava';
import fc from 'fast-check';
import { quoteArgument, quoteCommand } from '../../../cli/ssh/quote.js';

const print = `process.stdout.write(JSON.stringify(process.argv.slice(1)))`;

test('a shell reads back every argument unchanged', (t) => {
  const argument = fc.oneof(
    fc.string().filter((value) => !value.includes('\0')),
    fc.constantFrom(
      '',
      "'",
      "''",
      '"',
      '$(id)',
      '`id`',
      '\n',
      '\\',
      '!',
      '* ?',
      '~',
      '-n',
      '#',
      ';&|',
    ),
  );
  fc.assert(
    fc.property(
      fc.array(fc.array(argument, { maxLength: 4 }), { minLength: 1, maxLength: 6 }),
      (lists) => {
        const wanted = lists.flat();
        const line = quoteCommand([process.execPath, '-e', print, '--', ...wanted]);
        const seen: unknown = JSON.parse(execFileSync('sh', ['-c', line], { encoding: 'utf8' }));
        t.deepEqual(seen, wanted);
      },
    ),
    { numRuns: 15 },
  );
});

test('plain words are not quoted', (t) => {
  t.is(
    quoteCommand(['systemctl', 'is-active', 'docker.service']),
    'systemctl is-active docker.service',
  );
});

test('a NUL byte is rejected', (t) => {
  t.throws(() => quoteArgument('a\0b'), { instanceOf: RangeError });
});
