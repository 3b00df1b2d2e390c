import { shortBytes } from '../../../output/quantity.js';
import { barText, shareStyle } from './glyphs.js';
import type { Line } from './spans.js';
import { span } from './spans.js';
import { age, sanitizeText } from './text.js';
import type { RenderContext } from '../state/view.js';
import { replicaCounts } from '../views/parts.js';

/** Statistics arrive each second; older ones are shown as stale. */
const staleMs = 3_500;

interface Totals {
  readonly ready: number;
  readonly nodes: number;
  readonly running: number;
  readonly wanted: number;
}

function totals({ world }: RenderContext): Totals {
  return world.memo('totals', () => {
    let [running, wanted] = [0, 0];
    for (const service of world.services.values()) {
      const counts = replicaCounts(world, service);
      running += counts.running;
      wanted += counts.wanted;
    }
    const nodes = [...world.nodes.values()];
    const ready = nodes.filter(({ status }) => status.state === 'ready').length;
    return { ready, nodes: nodes.length, running, wanted };
  });
}

/** The header line: cluster, freshness, machines, tasks, CPU and memory. */
export function headerLine(look: RenderContext, columns: number, paused: boolean): Line {
  const { world, glyphs } = look;
  const { ready, nodes, running, wanted } = totals(look);
  const use = [...world.nodeUse.values()];
  const cpu =
    use.reduce((sum, { cpuPercent }) => sum + cpuPercent, 0) / Math.max(1, use.length) / 100;
  const used = use.reduce((sum, { memoryUsedBytes }) => sum + memoryUsedBytes, 0);
  const memory = use.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  const share = memory === 0 ? 0 : used / memory;
  const narrow = columns < 100;
  return [
    span(` shoal ${sanitizeText(world.cluster)} `, 'title'),
    freshness(look, paused),
    span(` machines ${ready}/${nodes}`, ready === nodes ? 'good' : 'bad'),
    span(`  tasks ${running}/${wanted}`, running >= wanted ? 'good' : 'warn'),
    span('  cpu '),
    span(`${barText(cpu, narrow ? 5 : 10, glyphs)} ${(cpu * 100).toFixed(0)}%`, shareStyle(cpu)),
    span('  mem '),
    span(
      narrow
        ? `${barText(share, 5, glyphs)} ${(share * 100).toFixed(0)}%`
        : `${barText(share, 10, glyphs)} ${shortBytes(used)}/${shortBytes(memory)}`,
      shareStyle(share),
    ),
    ...(narrow
      ? []
      : [
          span(
            `  ${world.managerVersion}  ${new Date(look.now).toISOString().slice(11, 19)} UTC`,
            'dim',
          ),
        ]),
  ];
}

/** The state of the data, so that a frozen screen is recognizable: live, lost, stale or paused. */
function freshness({ world, now }: RenderContext, paused: boolean): Line[number] {
  const { state, since, message } = world.connection;
  const dataAge = `data ${age(now - Math.max(world.lastStatsAt, 0))} old`;
  if (state === 'lost') {
    const data = world.lastStatsAt === 0 ? 'no data yet' : dataAge;
    return span(
      `connection lost ${age(now - since)} ago, ${data} ${sanitizeText(message)} `,
      'bad',
    );
  }
  if (paused) return span(`paused, ${dataAge} `, 'warn');
  if (state === 'connecting') return span('connecting ', 'warn');
  if (world.lastStatsAt > 0 && now - world.lastStatsAt > staleMs)
    return span(`${dataAge} `, 'warn');
  return span('live ', 'good');
}
