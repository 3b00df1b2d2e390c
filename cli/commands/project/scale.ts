import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { lookOnce } from '../../rollout/follow/follow.js';
import { waitForServices } from '../../rollout/wait-for-services.js';
import { checkServices, openProject } from '../../project/selection.js';
import { warn, withProgress } from '../../project/progress-output.js';

/** Parses `web=3 db=1` to replicas by service; throws `invalid` with the wrong argument. */
export function parseReplicas(
  texts: readonly string[],
  flag = 'scale',
): Readonly<Record<string, number>> {
  const entries = texts.map((text): readonly [string, number] => {
    const at = text.indexOf('=');
    if (at <= 0) {
      throw new AppError('invalid', `invalid ${flag} option "${text}": use SERVICE=NUM`);
    }
    const count = text.slice(at + 1);
    if (!/^\d+$/u.test(count) || Number(count) > maxReplicas) {
      throw new AppError(
        'invalid',
        `invalid ${flag} option "${text}": use 0 to ${maxReplicas} replicas`,
      );
    }
    return [text.slice(0, at), Number(count)];
  });
  return Object.fromEntries(entries);
}

const maxReplicas = 10_000;

export function scaleCommand(cli: Cli): Command {
  return new Command('scale')
    .description('Set the number of containers of services')
    .argument('<replicas...>', 'SERVICE=NUM')
    .option('--no-deps', "don't start linked services (always on)")
    .action(async (texts: string[]) => {
      await scale(cli, parseReplicas(texts));
    });
}

async function scale(cli: Cli, replicas: Readonly<Record<string, number>>): Promise<void> {
  const { client, project } = await openProject(cli);
  const { signal } = cli.interrupts;
  const before = await lookOnce(client, project, signal);
  const services = Object.keys(replicas);
  checkServices(services, [...before.services.values()]);
  await client.call('service.scale', { project, replicas }, { signal });
  const halted = [...before.services.values()].filter(
    ({ spec }) => spec.halted && services.includes(spec.service),
  );
  for (const { spec } of halted)
    warn(cli, `service ${spec.service}: stopped; start it with "shoal start"`);
  await withProgress(cli, (progress) =>
    waitForServices(cli, progress, {
      client,
      project,
      services,
      until: 'started',
      changes: [],
      before,
    }),
  );
}
