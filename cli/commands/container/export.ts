import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { transfer } from '../../client/transfer.js';
import { runningTask, viewProject, wholeNumber } from '../../project/selection.js';
import { writeToStdout } from '../../project/write-out.js';

export function exportCommand(cli: Cli): Command {
  return new Command('export')
    .description("Export a service container's file system as a tar archive")
    .argument('<service>')
    .option('--index <number>', 'index of the container if the service has several')
    .option('-o, --output <file>', 'write to a file instead of stdout')
    .action(
      async (service: string, flags: { readonly index?: string; readonly output?: string }) => {
        const index = flags.index === undefined ? 0 : wholeNumber('--index', flags.index);
        if (flags.output === undefined && cli.stdout.isTTY) {
          throw new AppError(
            'invalid',
            'export: refusing to write an archive to a terminal; use -o or redirect stdout',
          );
        }
        const view = await viewProject(cli, [service]);
        const task = runningTask(view, service, index === 0 ? undefined : index);
        const ref = { project: view.project, service, index: task.slot };
        const chunks = transfer(await view.client.open('export', ref, cli.interrupts.signal));
        if (flags.output !== undefined) {
          await pipeline(chunks, createWriteStream(flags.output, { mode: 0o600 }));
          return;
        }
        await writeToStdout(cli, chunks);
      },
    );
}
