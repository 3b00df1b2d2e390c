import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { findPublished, hostPort } from '../../output/ports.js';
import { portAddress } from '../../../manager/common/model/published-ports.js';
import { runningTask, viewProject, wholeNumber } from '../../project/selection.js';

interface PortFlags {
  readonly index?: string;
  readonly protocol: string;
}

export function portCommand(cli: Cli): Command {
  return new Command('port')
    .description('Print the machine address and port of a published service port')
    .argument('<service>')
    .argument('<port>')
    .option('--index <number>', 'index of the container if the service has several')
    .option('--protocol <protocol>', 'tcp or udp', 'tcp')
    .action(async (service: string, portText: string, flags: PortFlags) => {
      const [digits = '', suffix] = portText.split('/', 2);
      const target = wholeNumber('port', digits, 1);
      const protocol = suffix ?? flags.protocol;
      if (!['tcp', 'udp', 'sctp'].includes(protocol)) {
        throw new AppError('invalid', `invalid --protocol "${protocol}": use tcp or udp`);
      }
      const index = flags.index === undefined ? 0 : wholeNumber('--index', flags.index);
      const view = await viewProject(cli, [service]);
      const task = runningTask(view, service, index === 0 ? undefined : index);
      const published = findPublished(task, target, protocol);
      if (published === undefined) {
        throw new AppError(
          'not-found',
          `no port ${target}/${protocol} for container ${task.containerName}`,
        );
      }
      const node = task.nodeId === undefined ? undefined : view.nodes.get(task.nodeId);
      const address = portAddress(published, node?.description.address ?? '');
      cli.stdout.write(`${hostPort(address, published.published)}\n`);
    });
}
