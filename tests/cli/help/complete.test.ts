import { Command, Option } from 'commander';
import test from 'ava';
import { complete } from '../../../cli/help/complete.js';

const audit = new Command('audit')
  .option('-f, --follow', 'follow')
  .option('--client <name>', 'one client')
  .addOption(new Option('--role <role>').choices(['read', 'deploy']));
const source = {
  program: new Command('shoal').addCommand(audit),
  load: () => Promise.resolve(audit),
  names: () => Promise.resolve(['operand']),
  values: (option: string) => Promise.resolve(option === '--client' ? ['ci', 'viewer'] : []),
};

test('the value of an option completes with its names or choices', async (t) => {
  t.deepEqual(await complete(['audit', '--client', ''], source), ['ci', 'viewer']);
  t.deepEqual(await complete(['audit', '--client', 'v'], source), ['viewer']);
  t.deepEqual(await complete(['audit', '--role', ''], source), ['read', 'deploy']);
  t.deepEqual(await complete(['audit', '--follow', ''], source), ['operand']);
  t.deepEqual(await complete(['audit', '--c'], source), ['--client']);
});

const project = new Command('project').addCommand(
  new Command('policy')
    .argument('<project>')
    .option('--allow-privileged', 'allow')
    .addCommand(new Command('show').argument('[project]').option('--format <format>', 'format')),
);
const nested = {
  ...source,
  program: new Command('shoal').addCommand(project),
  load: () => Promise.resolve(project),
};

test('subcommands complete through all levels, beside the names that a command takes', async (t) => {
  t.deepEqual(await complete(['project', ''], nested), ['policy']);
  t.deepEqual(await complete(['project', 'policy', ''], nested), ['show', 'operand']);
  t.deepEqual(await complete(['project', 'policy', '--'], nested), ['--allow-privileged']);
  t.deepEqual(await complete(['project', 'policy', 'show', ''], nested), ['operand']);
  t.deepEqual(await complete(['project', 'policy', 'show', '--f'], nested), ['--format']);
});
