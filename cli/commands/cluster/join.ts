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

/** `shoal worker join`: run on the machine that is to be a node. */
export function joinCommand(cli: Cli): Command {
  return new Command('join')
    .description('Make this machine a node of a cluster, by a token of "shoal token create"')
    .argument('<address>', 'of a manager: HOST or HOST:PORT')
    .requiredOption('--token <token>', 'the token, or - to read it from standard input')
    .option('--name <name>', "the node's name; the host's name unless given")
    .option('--advertise <address>', 'IPv4 address by which other nodes reach this machine')
    .option('--label <key=value>', 'label of the node', collect)
    .option(
      '--force',
      'join though this machine is a node already; "shoal worker --purge" first removes what that left',
    )
    .action(async (address: string, flags: JoinFlags) => {
      const { joinCluster } = await import('../../machine/join.js');
      if (process.getuid?.() !== 0) {
        throw new AppError('forbidden', 'joining writes below /etc and starts a service: be root');
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

/** So that it stands in no list of processes. */
async function readToken(cli: Cli): Promise<string> {
  let text = '';
  for await (const chunk of cli.stdin) {
    text += String(chunk);
    if (text.length > 4_096) break;
  }
  return text;
}
