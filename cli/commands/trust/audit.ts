import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { AuditEntry } from '../../../manager/common/protocol/control.js';
import type { Cli } from '../../cli.js';
import type { ControlClient } from '../../client/client.js';
import { streamAudit } from '../../client/stream.js';
import type { ListItem } from '../../output/format.js';
import { formatList } from '../../output/format.js';
import { syslogLine } from '../../output/syslog.js';
import { oneLine } from '../../output/table.js';
import { parseTimeFlag } from '../../arguments/time-flag.js';
import { wholeNumber } from '../../project/selection.js';

interface AuditFlags {
  readonly follow?: boolean;
  readonly client?: string;
  readonly since?: string;
  readonly until?: string;
  readonly tail?: string;
  readonly format?: string;
}

export function auditCommand(cli: Cli): Command {
  return new Command('audit')
    .description('List requests of clients: who made them, when, from where, with which result')
    .option('-f, --follow', 'show new entries as they are recorded')
    .option('--client <name>', 'show the requests of one client')
    .option('--since <time>', 'show entries since a timestamp or relative (42m)')
    .option('--until <time>', 'show entries before a timestamp or relative (42m)')
    .option('-n, --tail <number>', 'number of entries to show from the end')
    .option('--format <format>', 'table, json, syslog (RFC 5424), or a template')
    .action(async (flags: AuditFlags) => {
      if (flags.follow === true && flags.until !== undefined) {
        throw new AppError('invalid', '--until: cannot be used with --follow');
      }
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const isSyslog = flags.format === 'syslog';
      const host = isSyslog ? (await client.call('info', {}, { signal })).clusterName : '';
      const last = await printStored(cli, client, flags, host);
      if (flags.follow === true) await follow(cli, client, { flags, host, after: last });
    });
}

/** Prints the selected stored entries and returns the number of the last one, 0 without any. */
async function printStored(
  cli: Cli,
  client: ControlClient,
  flags: AuditFlags,
  host: string,
): Promise<number> {
  const since = parseTimeFlag('--since', flags.since, cli.now());
  const until = parseTimeFlag('--until', flags.until, cli.now());
  const limit = flags.tail === undefined ? undefined : wholeNumber('--tail', flags.tail);
  const { signal } = cli.interrupts;
  const entries = await client.call(
    'audit.list',
    {
      ...(since === undefined ? {} : { sinceMs: since }),
      ...(until === undefined ? {} : { untilMs: until }),
      // With --tail 0, --follow still needs the number of the last entry.
      ...(limit === undefined ? {} : { limit: Math.max(1, limit) }),
      ...(flags.client === undefined ? {} : { client: flags.client }),
    },
    { signal },
  );
  await cli.stdout.send(render(flags.format, limit === 0 ? [] : entries, host));
  return entries.at(-1)?.number ?? 0;
}

async function follow(
  cli: Cli,
  client: ControlClient,
  from: { readonly flags: AuditFlags; readonly host: string; readonly after: number },
): Promise<void> {
  const { flags, host, after } = from;
  const { signal } = cli.interrupts;
  const since = parseTimeFlag('--since', flags.since, cli.now());
  const args = {
    after,
    ...(since === undefined ? {} : { sinceMs: since }),
    ...(flags.client === undefined ? {} : { client: flags.client }),
  };
  for await (const entry of streamAudit(client, args, signal)) {
    const isTable = [undefined, '', 'table'].includes(flags.format);
    await cli.stdout.send(isTable ? textLine(entry) : render(flags.format, [entry], host));
  }
  if (signal.aborted) throw new AppError('cancelled', 'interrupted');
}

function render(format: string | undefined, entries: readonly AuditEntry[], host: string): string {
  if (format === 'syslog') return entries.map((entry) => `${syslogLine(entry, host)}\n`).join('');
  return formatList(format, header, entries.map(itemOf));
}

const header = ['TIME', 'WHO', 'FROM', 'ACTION', 'RESULT', 'CHANGES'];

function cellsOf({ at, who, from = '', action, result, changes }: AuditEntry): readonly string[] {
  return [new Date(at).toISOString(), who, from || '-', action, result, changes.join('; ')];
}

function textLine(entry: AuditEntry): string {
  return `${oneLine(cellsOf(entry).join('   ')).trimEnd()}\n`;
}

function itemOf(entry: AuditEntry): ListItem {
  const { number, at, who, role, serial = '', from = '', via = '' } = entry;
  const { action, result, changes } = entry;
  return {
    cells: cellsOf(entry),
    record: {
      ...{ Number: number, Time: new Date(at).toISOString(), Who: who, Role: role },
      ...{ Serial: serial, From: from, Via: via },
      ...{ Action: action, Result: result, Changes: changes },
    },
  };
}
