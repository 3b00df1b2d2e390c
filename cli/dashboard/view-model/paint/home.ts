import type { Node } from '../../../../manager/common/model/node.js';
import { shortBytes } from '../../../output/quantity.js';
import {
  barText,
  stateMarkOf,
  nodeStateName,
  shareStyle,
  sparkline,
  taskStateName,
} from './glyphs.js';
import type { Pane } from '../state/model.js';
import type { Line } from './spans.js';
import { serviceStyle, span } from './spans.js';
import { fitCell, sanitizeText } from './text.js';
import type { RenderContext } from '../state/view.js';
import { replicaCounts, isRunning, serviceStateName, sumUsage } from '../views/parts.js';

/** The overview screen: machines, services, problems and the latest events. */
export function homeLines(
  look: RenderContext,
  columns: number,
  rows: number,
  pane: Pane,
): readonly Line[] {
  const problems = problemLines(look);
  const machines = machineLines(look, columns);
  const services = serviceLines(look, columns);
  const room = Math.max(3, Math.floor((rows - 4) / 3));
  const wrong = problems.length === 0 ? [[span('  nothing is wrong', 'good')]] : problems;
  const parts = [
    ...block(title('Machines', pane === 'machines'), machines, room),
    ...block(title('Services by CPU', pane === 'services'), services, room),
    ...block(title('Problems', pane === 'problems'), wrong, Math.max(2, room - 2)),
  ];
  const last = title('Last events', pane === 'events');
  return [...parts, ...block(last, eventLines(look, columns), rows - parts.length - 1)];
}

/** The title of a section; `>` marks the focused one without relying on colour. */
function title(text: string, focused: boolean): Line {
  return focused ? [span('> ', 'accent'), span(text, 'title')] : [span(`  ${text}`, 'title')];
}

function block(head: Line, lines: readonly Line[], room: number): readonly Line[] {
  if (room < 1) return [];
  const shown = lines.length > room ? lines.slice(0, room - 1) : lines;
  const more = lines.length - shown.length;
  return [head, ...shown, ...(more > 0 ? [[span(`  and ${more} more`, 'dim')]] : [])];
}

function machineLines({ world, glyphs }: RenderContext, columns: number): readonly Line[] {
  const nodes = [...world.nodes.values()].sort(
    (a, b) =>
      Number(a.status.state === 'ready') - Number(b.status.state === 'ready') ||
      a.spec.name.localeCompare(b.spec.name, 'en', { numeric: true }),
  );
  const name = Math.min(24, Math.max(10, Math.floor(columns / 6)));
  return nodes.map((node: Node) => {
    const mark = stateMarkOf(nodeStateName(node), glyphs);
    const use = world.nodeUse.get(node.id);
    const running = world.tasksOn(node.id).filter((task) => isRunning(world, task)).length;
    const cpu = (use?.cpuPercent ?? 0) / 100;
    const memory = use === undefined ? 0 : use.memoryUsedBytes / use.memoryBytes;
    return [
      span(`  ${mark.glyph} `, mark.style),
      span(`${fitCell(sanitizeText(node.spec.name), name)} `, 'bold'),
      span(fitCell(mark.word, 9), mark.style),
      span(fitCell(`${running} tasks`, 10)),
      ...(use === undefined
        ? []
        : [
            span(
              `cpu ${barText(cpu, 8, glyphs)} ${fitCell(`${use.cpuPercent.toFixed(0)}%`, 5)}`,
              shareStyle(cpu),
            ),
            span(`${sparkline(world.history.get(node.id) ?? [], 10, glyphs, 100)} `, 'accent'),
            span(
              `mem ${columns < 100 ? '' : `${barText(memory, 8, glyphs)} `}${shortBytes(use.memoryUsedBytes)}/${shortBytes(use.memoryBytes)}`,
              shareStyle(memory),
            ),
          ]),
    ];
  });
}

function serviceLines({ world, glyphs }: RenderContext, columns: number): readonly Line[] {
  const measured = [...world.services.values()]
    .map((service) => ({ service, use: sumUsage(world, world.tasksOf(service.id)) }))
    .sort((a, b) => b.use.cpuPercent - a.use.cpuPercent);
  const name = Math.min(36, Math.max(18, Math.floor(columns / 4)));
  return measured.slice(0, 50).map(({ service, use }) => {
    const counts = replicaCounts(world, service);
    const mark = stateMarkOf(serviceStateName(service, counts), glyphs);
    const label = `${service.spec.project}/${service.spec.service}`;
    return [
      span(`  ${mark.glyph} `, mark.style),
      span(`${fitCell(sanitizeText(label), name)} `, serviceStyle(label)),
      span(fitCell(`${counts.running}/${counts.wanted}`, 9), mark.style),
      span(`cpu ${fitCell(`${use.cpuPercent.toFixed(1)}%`, 8)}`),
      span(`${sparkline(world.history.get(service.id) ?? [], 10, glyphs)} `, 'accent'),
      span(`mem ${shortBytes(use.memoryBytes)}`),
    ];
  });
}

function problemLines(look: RenderContext): readonly Line[] {
  const { world, glyphs } = look;
  const nodes = [...world.nodes.values()]
    .filter((node) => node.status.state !== 'ready')
    .map((node): Line => {
      const mark = stateMarkOf(nodeStateName(node), glyphs);
      return [
        span(`  ${mark.glyph} machine `, mark.style),
        span(sanitizeText(node.spec.name), 'bold'),
        span(` ${mark.word} ${sanitizeText(node.status.message)}`),
      ];
    });
  const tasks = world.currentTasks().flatMap((task): Line[] => {
    const mark = stateMarkOf(taskStateName(task, world.nodeOf(task)), glyphs);
    if (mark.style !== 'bad' && mark.word !== 'pending') return [];
    const { status, explanation } = task;
    const reason =
      status.error ?? (explanation?.placed === false ? explanation.summary : status.message);
    return [
      [
        span(`  ${mark.glyph} `, mark.style),
        span(sanitizeText(task.containerName), 'bold'),
        span(` ${mark.word} ${sanitizeText(reason)}`),
      ],
    ];
  });
  return [...nodes, ...tasks];
}

function eventLines({ world }: RenderContext, columns: number): readonly Line[] {
  return world.events
    .slice(-20)
    .reverse()
    .map((event) => [
      span(`  ${new Date(event.at).toISOString().slice(11, 19)} `, 'dim'),
      span(
        fitCell(
          sanitizeText(`${event.type} ${event.action} ${event.name}`),
          Math.max(10, columns - 12),
        ),
      ),
    ]);
}
