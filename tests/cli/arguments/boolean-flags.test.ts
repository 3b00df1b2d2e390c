import test from 'ava';
import { Command } from 'commander';
import fc from 'fast-check';
import { acceptBooleanValues } from '../../../cli/arguments/boolean-flags.js';

interface Parsed {
  readonly options: Readonly<Record<string, unknown>>;
  readonly args: readonly string[];
}

function parse(...argv: readonly string[]): Parsed {
  const command = acceptBooleanValues(new Command('run'))
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .argument('<words...>')
    .passThroughOptions()
    .option('-i, --interactive', '')
    .option('-d, --detach', '')
    .option('-T, --no-tty', '')
    .option('-e, --env <variable>', '')
    .option('--sig-proxy [on]', '')
    .action(() => undefined);
  command.parse([...argv], { from: 'user' });
  return { options: command.opts(), args: command.args };
}

test('a boolean flag takes every value that Go parses as a boolean', (t) => {
  for (const text of ['1', 't', 'T', 'true', 'True', 'TRUE']) {
    t.true(parse(`--interactive=${text}`, 'web').options.interactive, `value ${text}`);
    t.true(parse(`-i=${text}`, 'web').options.interactive, `value ${text}`);
  }
  for (const text of ['0', 'f', 'F', 'false', 'False', 'FALSE']) {
    t.false(parse(`--interactive=${text}`, 'web').options.interactive, `value ${text}`);
    t.false(parse(`-i=${text}`, 'web').options.interactive, `value ${text}`);
  }
});

test('a negated flag with the value false sets the option', (t) => {
  t.false(parse('-T', 'web').options.tty);
  t.false(parse('--no-tty=true', 'web').options.tty);
  t.true(parse('--no-tty=false', 'web').options.tty);
  t.true(parse('-T=false', 'web').options.tty);
});

test('the last flag of a group takes the value', (t) => {
  const { options } = parse('-dTi=false', 'web');
  t.deepEqual(options, { detach: true, tty: false, interactive: false });
});

test('the last occurrence of a flag applies', (t) => {
  t.true(parse('-i=false', '-i', 'web').options.interactive);
  t.true(parse('-i=false', '-di', 'web').options.interactive);
  t.false(parse('-i', '-i=false', 'web').options.interactive);
  t.true(parse('-i=false', '--interactive=true', 'web').options.interactive);
});

test('another value is refused with the flag and the accepted values', (t) => {
  for (const word of ['-i=maybe', '--interactive=maybe', '-di=maybe']) {
    t.throws(() => parse(word, 'web'), {
      message: 'invalid argument "maybe" for flag -i, --interactive: use true or false',
    });
  }
  t.throws(() => parse('-i=', 'web'), { message: /invalid argument ""/u });
});

test('values of other flags and words of the process are left alone', (t) => {
  t.like(parse('-e', '-i=false', 'web').options, { env: '-i=false' });
  t.like(parse('-eA=1', 'web').options, { env: 'A=1' });
  t.like(parse('--sig-proxy=false', 'web').options, { sigProxy: 'false' });
  t.deepEqual(parse('web', '-i=false').args, ['web', '-i=false']);
  t.deepEqual(parse('--', 'web', '--detach=false').args, ['web', '--detach=false']);
});

test('words of the process are unchanged, whatever they are', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      t.deepEqual(parse('-i=false', 'web', ...words).args, ['web', ...words]);
    }),
  );
});
