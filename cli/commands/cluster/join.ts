import { readSecret } from '../../output/secret-input.js';
import { hostname } from 'node:os';
import { Command, Option } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { keyValues } from '../../arguments/key-values.js';
import { collect } from '../../arguments/options.js';

interface JoinFlags {
  readonly token?: string;
  readonly tokenFile?: string;
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
    .option('--token <token>', 'the token, or - to read it from standard input')
    .addOption(new Option('--token-file <path>', 'file with the token').conflicts('token'))
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
          token: await readToken(cli, flags),
          name: flags.name ?? hostname().split('.')[0] ?? '',
          advertise: flags.advertise,
          labels: keyValues('--label', flags.label),
          force: flags.force === true,
        },
        (line) => cli.stdout.write(`${line}\n`),
      );
    });
}

/** Reads the token; from a file or stdin it does not appear in the process list. */
export async function readToken(
  cli: Pick<Cli, 'stdin'>,
  { token, tokenFile }: Pick<JoinFlags, 'token' | 'tokenFile'>,
): Promise<string> {
  if (tokenFile !== undefined) return (await readSecret(cli, tokenFile, '--token-file')).trim();
  if (token === undefined) {
    throw new AppError('invalid', 'join: no token; use --token-file PATH, or --token - for stdin');
  }
  return token === '-' ? (await readSecret(cli, token, '--token')).trim() : token;
}
