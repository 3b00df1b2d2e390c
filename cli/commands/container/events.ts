import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { ClusterEvent } from '../../../manager/common/protocol/control.js';
import type { Cli } from '../../cli.js';
import { streamEvents } from '../../client/stream.js';
import { compileFilters, hasLabel } from '../../output/filter.js';
import { oneLine } from '../../output/table.js';
import { compileTemplate } from '../../output/template/template.js';
import { parseTimeFlag } from '../../arguments/time-flag.js';
import { collect } from '../../arguments/options.js';
import { checkServices, openProject } from '../../project/selection.js';

interface EventsFlags {
  readonly json?: boolean;
  readonly format?: string;
  readonly filter?: readonly string[];
  readonly since?: string;
  readonly until?: string;
}

export function eventsCommand(cli: Cli): Command {
  return new Command('events')
    .description('Receive real-time events of the project from all nodes')
    .argument('[services...]')
    .option('--json', 'print one JSON object per line')
    .option('--format <format>', 'json or a template')
    .option('-f, --filter <filter>', `filter by a property: ${filterKeys}`, collect)
    .option('--since <time>', 'show events since a timestamp')
    .option('--until <time>', 'stream events until this timestamp')
    .action(async (services: string[], flags: EventsFlags) => {
      const passes = eventFilter(flags.filter);
      const render = rendererOf(flags);
      const since = parseTimeFlag('--since', flags.since, cli.now());
      const until = parseTimeFlag('--until', flags.until, cli.now());
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
      for await (const event of streamEvents(client, args, signal)) {
        const service = serviceOf(event.attributes);
        if (services.length > 0 && !services.includes(service ?? '')) continue;
        if (passes(event)) await cli.stdout.send(render(event, service));
      }
      if (signal.aborted) throw new AppError('cancelled', 'interrupted');
    })
    .addHelpText(
      'after',
      `
Examples:
  shoal events                                       events of the project until Ctrl-C
  shoal events --since 1h --until 0s --json          the last hour, then exit
  shoal events --filter type=node --filter event=down
  shoal events --format '{{.Time}} {{.Action}} {{.Name}}'`,
    );
}

const filterKeys = 'type=, event=, container=, service=, node=, label=';

function eventFilter(entries: readonly string[] | undefined): (event: ClusterEvent) => boolean {
  return compileFilters<ClusterEvent>(entries, {
    type: ({ type }, value) => type === value,
    event: ({ action }, value) => action === value || action.startsWith(`${value}:`),
    container: ({ type, name, id }, value) =>
      type === 'container' && (name === value || id.startsWith(value)),
    service: ({ attributes }, value) => serviceOf(attributes) === value,
    node: ({ type, name, attributes }, value) =>
      (type === 'node' && name === value) || attributes.node === value,
    label: ({ attributes }, value) => hasLabel(attributes, value),
  });
}

function serviceOf(attributes: ClusterEvent['attributes']): string | undefined {
  return attributes['com.docker.compose.service'] ?? attributes.service;
}

/** Compiles the output format; an invalid template fails before the stream opens. */
function rendererOf({
  json,
  format,
}: EventsFlags): (event: ClusterEvent, service: string | undefined) => string {
  if (json === true || format === 'json') return jsonLine;
  if (format === undefined || format === '') return textLine;
  const render = compileTemplate(format);
  return (event, service) =>
    `${render({
      Action: event.action,
      Attributes: event.attributes,
      ID: event.id,
      Name: event.name,
      Node: event.attributes.node ?? '',
      Service: service ?? '',
      Time: new Date(event.at).toISOString(),
      TimeMs: event.at,
      Type: event.type,
    })}\n`;
}

/** Formats an event like docker compose: time, type, action, id, attributes. */
function textLine(event: ClusterEvent): string {
  const time = new Date(event.at).toISOString().replace('T', ' ').replace('Z', '');
  const attributes = Object.entries({ ...event.attributes, name: event.name })
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
  return `${oneLine(`${time} ${event.type} ${event.action} ${event.id} (${attributes})`)}\n`;
}

function jsonLine(event: ClusterEvent, service: string | undefined): string {
  const { at, type, action, id, name, attributes } = event;
  const time = new Date(at).toISOString();
  return `${JSON.stringify({ time, type, action, id, service, attributes: { ...attributes, name } })}\n`;
}
