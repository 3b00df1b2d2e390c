import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { lookOnce } from '../../rollout/follow/follow.js';
import { waitForServices } from '../../rollout/wait-for-services.js';
import { checkServices, openProject } from '../../project/selection.js';
import { warn, withProgress } from '../../project/progress-output.js';
import { parseReplicas } from '../../arguments/replicas.js';

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
