import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { formatList } from '../../output/format.js';
import { parseTimeFlag } from '../../arguments/time-flag.js';
import { wholeNumber } from '../../project/selection.js';

interface AuditFlags {
  readonly since?: string;
  readonly until?: string;
  readonly tail?: string;
  readonly format?: string;
}

export function auditCommand(cli: Cli): Command {
  return new Command('audit')
    .description('List changes to the cluster: who made them and when')
    .option('--since <time>', 'show changes since a timestamp or relative (42m)')
    .option('--until <time>', 'show changes before a timestamp or relative (42m)')
    .option('-n, --tail <number>', 'number of entries to show from the end')
    .option('--format <format>', 'table, json, or a template')
    .action(async (flags: AuditFlags) => {
      const since = parseTimeFlag('--since', flags.since, cli.now());
      const until = parseTimeFlag('--until', flags.until, cli.now());
      const limit = flags.tail === undefined ? undefined : wholeNumber('--tail', flags.tail);
      const client = await cli.connect();
      const entries = await client.call(
        'audit.list',
        {
          ...(since === undefined ? {} : { sinceMs: since }),
          ...(until === undefined ? {} : { untilMs: until }),
          ...(limit === undefined ? {} : { limit }),
        },
        { signal: cli.interrupts.signal },
      );
      const items = entries.map(({ number, at, who, role, action, changes }) => {
        const time = new Date(at).toISOString();
        return {
          cells: [time, who, action, changes.join('; ')],
          record: {
            Number: number,
            Time: time,
            Who: who,
            Role: role,
            Action: action,
            Changes: changes,
          },
        };
      });
      cli.stdout.write(formatList(flags.format, ['TIME', 'WHO', 'ACTION', 'CHANGES'], items));
    });
}
