import { Command } from 'commander';
import { AppError } from '../../manager/base/errors.js';
import type { ClusterEvent } from '../../manager/protocol/control.js';
import type { Cli } from '../cli.js';
import { events } from '../client/stream.js';
import { moment } from './logs.js';
import { checkServices, openProject } from './selection.js';

interface EventsFlags {
  readonly json?: boolean;
  readonly since?: string;
  readonly until?: string;
}

export function eventsCommand(cli: Cli): Command {
  return new Command('events')
    .description('Receive real-time events of the project from all nodes')
    .argument('[services...]')
    .option('--json', 'one JSON object a line')
    .option('--since <time>', 'show events since a timestamp')
    .option('--until <time>', 'stream events until this timestamp')
    .action(async (services: string[], flags: EventsFlags) => {
      const since = moment('--since', flags.since, cli.now());
      const until = moment('--until', flags.until, cli.now());
      const { client, project } = await openProject(cli);
      const { signal } = cli.interrupts;
      if (services.length > 0) {
        checkServices(services, await client.call('service.list', { project }, { signal }));
      }
      const args = {
        project,
        ...(since === undefined ? {} : { sinceMs: since }),
        ...(until === undefined ? {} : { untilMs: until }),
      };
      for await (const event of events(client, args, signal)) {
        const service = event.attributes['com.docker.compose.service'] ?? event.attributes.service;
        if (services.length > 0 && !services.includes(service ?? '')) continue;
        cli.stdout.write(flags.json === true ? jsonLine(event, service) : textLine(event));
      }
      if (signal.aborted) throw new AppError('cancelled', 'interrupted');
    });
}

/** docker compose's line: time, type, action, id, attributes. */
function textLine(event: ClusterEvent): string {
  const time = new Date(event.at).toISOString().replace('T', ' ').replace('Z', '');
  const attributes = Object.entries({ ...event.attributes, name: event.name })
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
  return `${time} ${event.type} ${event.action} ${event.id} (${attributes})\n`;
}

function jsonLine(event: ClusterEvent, service: string | undefined): string {
  const { at, type, action, id, name, attributes } = event;
  const time = new Date(at).toISOString();
  return `${JSON.stringify({ time, type, action, id, service, attributes: { ...attributes, name } })}\n`;
}
