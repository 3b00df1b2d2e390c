import type { Service } from '../../../../manager/common/model/service.js';
import { barText, stateMarkOf } from '../paint/glyphs.js';
import { serviceStyle } from '../paint/spans.js';
import { age } from '../paint/text.js';
import type { Column, RenderContext } from '../state/view.js';
import { defineView } from '../state/view.js';
import { replicaCounts, serviceStateName, sumUsage, useColumns } from './parts.js';
import { projectColumn, stateColumn } from './columns.js';

const mark = (service: Service, { world, glyphs }: RenderContext) =>
  stateMarkOf(serviceStateName(service, replicaCounts(world, service)), glyphs);

function publishedText({ spec }: Service): string {
  return spec.task.ports
    .map(({ published, target }) => (published === undefined ? `${target}` : `${published}`))
    .join(',');
}

const columns: readonly Column<Service>[] = [
  {
    key: 'name',
    title: 'NAME',
    width: 14,
    max: 30,
    priority: 0,
    text: ({ spec }) => spec.service,
    style: ({ spec }) => serviceStyle(`${spec.project}/${spec.service}`),
  },
  projectColumn(),
  stateColumn(mark, 10),
  {
    key: 'replicas',
    title: 'REPLICAS',
    width: 14,
    priority: 0,
    text: (service, { world, glyphs }) => {
      const { running, wanted } = replicaCounts(world, service);
      const bar = barText(wanted === 0 ? 0 : running / wanted, 5, glyphs);
      return `${bar} ${running}/${wanted}`;
    },
    order: (service, { world }) => replicaCounts(world, service).running,
    style: (service, look) => mark(service, look).style,
  },
  {
    key: 'mode',
    title: 'MODE',
    width: 10,
    priority: 7,
    text: ({ spec }) => spec.mode.kind,
  },
  {
    key: 'image',
    title: 'IMAGE',
    width: 14,
    max: 40,
    priority: 4,
    text: ({ spec }) => spec.task.container.image,
  },
  { key: 'ports', title: 'PORTS', width: 8, max: 24, priority: 5, text: publishedText },
  ...useColumns<Service>(
    (service, { world }) => sumUsage(world, world.tasksOf(service.id)),
    ({ id }) => id,
  ),
  {
    key: 'updated',
    title: 'UPD',
    width: 4,
    priority: 6,
    right: true,
    text: (service, { now }) => age(now - service.updatedAt),
    order: ({ updatedAt }) => -updatedAt,
  },
];

export const servicesView = defineView<Service>({
  name: 'services',
  title: 'Services',
  aliases: ['services', 'service', 'svc'],
  sort: { column: 'name', descending: false },
  columns,
  items: ({ world }, scope) =>
    [...world.services.values()].filter(
      ({ spec }) => scope.project === undefined || spec.project === scope.project,
    ),
  id: ({ id }) => id,
  text: ({ spec }) => `${spec.project}/${spec.service} ${spec.task.container.image}`,
  labels: ({ spec }) => ({ ...spec.task.container.labels, ...spec.labels }),
  hasProblem: (service, look) => !['good', 'dim'].includes(mark(service, look).style),
});

interface Project {
  readonly name: string;
  readonly services: readonly Service[];
}

const projectState = ({ services }: Project, look: RenderContext) => {
  const counts = services.map((service) => replicaCounts(look.world, service));
  const running = counts.reduce((sum, count) => sum + count.running, 0);
  const wanted = counts.reduce((sum, count) => sum + count.wanted, 0);
  const word = running >= wanted ? (wanted === 0 ? 'stopped' : 'running') : 'partial';
  return { running, wanted, mark: stateMarkOf(word, look.glyphs) };
};

export const projectsView = defineView<Project>({
  name: 'projects',
  title: 'Projects',
  aliases: ['projects', 'project', 'stacks', 'st', 'pj'],
  sort: { column: 'name', descending: false },
  columns: [
    { key: 'name', title: 'NAME', width: 20, max: 40, priority: 0, text: ({ name }) => name },
    stateColumn((project, look) => projectState(project, look).mark, 10),
    {
      key: 'services',
      title: 'SERVICES',
      width: 8,
      priority: 1,
      right: true,
      text: ({ services }) => String(services.length),
      order: ({ services }) => services.length,
    },
    {
      key: 'tasks',
      title: 'TASKS',
      width: 9,
      priority: 0,
      right: true,
      text: (project, look) => {
        const { running, wanted } = projectState(project, look);
        return `${running}/${wanted}`;
      },
      order: (project, look) => projectState(project, look).running,
    },
    ...useColumns<Project>(
      ({ services }, { world }) =>
        sumUsage(
          world,
          services.flatMap(({ id }) => world.tasksOf(id)),
        ),
      () => undefined,
    ).filter(({ key }) => key !== 'trend' && key !== 'memtrend'),
  ],
  items: ({ world }) =>
    world.memo('projects', () => {
      const projects = new Map<string, Service[]>();
      for (const service of world.services.values()) {
        const known = projects.get(service.spec.project);
        if (known === undefined) projects.set(service.spec.project, [service]);
        else known.push(service);
      }
      return [...projects].map(([name, services]) => ({ name, services }));
    }),
  id: ({ name }) => name,
  text: ({ name }) => name,
  hasProblem: (project, look) => projectState(project, look).mark.style === 'warn',
});
