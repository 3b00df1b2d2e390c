import { hostname } from 'node:os';
import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { keyValues } from '../../arguments/key-values.js';
import { collect } from '../../arguments/options.js';

interface JoinFlags {
  readonly token: string;
  readonly name?: string;
  readonly advertise?: string;
  readonly label?: readonly string[];
  readonly force?: boolean;
}

/** The command `shoal join` (also `shoal worker join`), run on the machine that becomes a node. */
export function joinCommand(cli: Cli): Command {
  return new Command('join')
    .description('Join this machine to a cluster as a node, with a token from "shoal token create"')
    .argument('<address>', 'address of a manager: HOST or HOST:PORT')
    .requiredOption('--token <token>', 'the token, or - to read it from standard input')
    .option('--name <name>', 'name of the node (default: the host name)')
    .option('--advertise <address>', 'IPv4 address that other nodes use to reach this machine')
    .option('--label <key=value>', 'label of the node', collect)
    .option(
      '--force',
      'join even if this machine is already a node; run "shoal worker --purge" first to clean up',
    )
    .action(async (address: string, flags: JoinFlags) => {
      const { joinCluster } = await import('../../machine/join.js');
      if (process.getuid?.() !== 0) {
        throw new AppError(
          'forbidden',
          'join: must run as root; it writes to /etc and starts a service',
        );
      }
      await joinCluster(
        {
          address,
          token: flags.token === '-' ? await readToken(cli) : flags.token,
          name: flags.name ?? hostname().split('.')[0] ?? '',
          advertise: flags.advertise,
          labels: keyValues('--label', flags.label),
          force: flags.force === true,
        },
        (line) => cli.stdout.write(`${line}\n`),
      );
    });
}

/** Reads the token from stdin, so that it does not appear in the process list. */
async function readToken(cli: Cli): Promise<string> {
  let text = '';
  for await (const chunk of cli.stdin) {
    text += String(chunk);
    if (text.length > 4_096) break;
  }
  return text;
}
