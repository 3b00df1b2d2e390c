import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { CreatedJoinToken } from '../../../manager/common/protocol/security.js';
import type { Cli } from '../../cli.js';
import { humanDuration } from '../../../manager/common/base/human-duration.js';
import { parseLifetime } from '../../output/duration.js';
import { formatList } from '../../output/format.js';
import { forEachName } from '../../arguments/each.js';

export function tokenCommand(cli: Cli): Command {
  return new Command('token')
    .description('Manage join tokens for machines')
    .addCommand(createCommand(cli))
    .addCommand(listCommand(cli))
    .addCommand(rotateCommand(cli))
    .addCommand(removeCommand(cli));
}

interface CreateFlags {
  readonly ttl: string;
  readonly uses?: string;
  readonly label?: string;
  readonly quiet?: boolean;
}

function createCommand(cli: Cli): Command {
  return new Command('create')
    .description('Create a join token; its secret is shown only once')
    .option('--ttl <duration>', 'lifetime of the token', '24h')
    .option('--uses <number>', 'maximum number of machines that may join (default: unlimited)')
    .option('--label <text>', 'description of the token')
    .option('-q, --quiet', 'only display the token')
    .action(async (flags: CreateFlags) => {
      const args = {
        ttlMs: parseLifetime('--ttl', flags.ttl),
        ...(flags.uses === undefined ? {} : { uses: readUses(flags.uses) }),
        ...(flags.label === undefined || flags.label === '' ? {} : { label: flags.label }),
      };
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const made = await client.call('token.create', args, { signal });
      await show(cli, made, flags.quiet === true);
    });
}

function readUses(text: string): number {
  const uses = Number(text);
  if (Number.isInteger(uses) && uses > 0) return uses;
  throw new AppError('invalid', `invalid --uses "${text}": use a whole number, 1 or more`);
}

async function show(cli: Cli, made: CreatedJoinToken, quiet: boolean): Promise<void> {
  cli.stdout.write(`${made.text}\n`);
  if (quiet) return;
  const client = await cli.connect();
  const managers = await client.call('manager.list', {}, { signal: cli.interrupts.signal });
  const address = managers.find(({ leader }) => leader)?.address ?? 'MANAGER';
  const left = humanDuration(made.token.expiresAt - cli.now()).toLowerCase();
  cli.stderr.write(
    `valid for ${left}; run on a machine with Docker Engine and shoal, as root:\n` +
      `  shoal worker join --token ${made.text} ${address}\n`,
  );
}

function listCommand(cli: Cli): Command {
  return new Command('ls')
    .alias('list')
    .description('List join tokens, without their secrets')
    .option('-q, --quiet', 'only display IDs')
    .option('--format <format>', 'table, json, or a template')
    .action(async (flags: { readonly quiet?: boolean; readonly format?: string }) => {
      const client = await cli.connect();
      const tokens = await client.call('token.list', {}, { signal: cli.interrupts.signal });
      if (flags.quiet === true) {
        cli.stdout.write(tokens.map(({ id }) => `${id}\n`).join(''));
        return;
      }
      const items = tokens.map(({ id, role, label, expiresAt, usesLeft, used }) => {
        const left = expiresAt - cli.now();
        const expires = left <= 0 ? 'expired' : `in ${humanDuration(left).toLowerCase()}`;
        const uses = usesLeft === undefined ? 'any' : String(usesLeft);
        return {
          cells: [id, role, expires, String(used), uses, label],
          record: {
            ID: id,
            Role: role,
            ExpiresAt: new Date(expiresAt).toISOString(),
            Used: used,
            UsesLeft: uses,
            Label: label,
          },
        };
      });
      const header = ['ID', 'ROLE', 'EXPIRES', 'USED', 'USES LEFT', 'LABEL'];
      cli.stdout.write(formatList(flags.format, header, items));
    });
}

function rotateCommand(cli: Cli): Command {
  return new Command('rotate')
    .description('Replace the secret of a token and revoke the old one')
    .argument('<id>')
    .option('-q, --quiet', 'only display the token')
    .action(async (id: string, flags: { readonly quiet?: boolean }) => {
      const client = await cli.connect();
      const made = await client.call('token.rotate', { id }, { signal: cli.interrupts.signal });
      await show(cli, made, flags.quiet === true);
    });
}

function removeCommand(cli: Cli): Command {
  return new Command('rm')
    .alias('remove')
    .description('Remove join tokens; machines that joined stay in the cluster')
    .argument('<id...>')
    .action(async (ids: readonly string[]) => {
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      await forEachName(cli, ids, (id) => client.call('token.remove', { id }, { signal }));
    });
}
