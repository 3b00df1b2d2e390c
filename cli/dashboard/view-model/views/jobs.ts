import type { Service } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { isTerminal } from '../../../../manager/common/model/task-state.js';
import { stateMarkOf } from '../paint/glyphs.js';
import type { StateMark } from '../paint/glyphs.js';
import { serviceStyle } from '../paint/spans.js';
import { age } from '../paint/text.js';
import type { Column, RenderContext } from '../state/view.js';
import { defineView } from '../state/view.js';
import { stateColumn } from './columns.js';

function newest(service: Service, { world }: RenderContext): Task | undefined {
  return world
    .tasksOf(service.id)
    .reduce<Task | undefined>(
      (last, task) => (last === undefined || task.createdAt > last.createdAt ? task : last),
      undefined,
    );
}

/** The state of a job: a failed newest task takes precedence over running tasks. */
function jobMark(service: Service, look: RenderContext): StateMark {
  const states = new Set(look.world.tasksOf(service.id).map(({ status }) => status.state));
  const last = newest(service, look)?.status.state;
  if (last === 'failed' || last === 'rejected') return stateMarkOf('failed', look.glyphs);
  if (states.has('running')) return stateMarkOf('running', look.glyphs);
  if (last === 'complete') return stateMarkOf('complete', look.glyphs);
  return stateMarkOf('pending', look.glyphs);
}

const columns: readonly Column<Service>[] = [
  {
    key: 'name',
    title: 'JOB',
    width: 20,
    max: 40,
    priority: 0,
    text: ({ spec }) => `${spec.project}/${spec.service}`,
    style: ({ spec }) => serviceStyle(`${spec.project}/${spec.service}`),
  },
  stateColumn(jobMark),
  {
    key: 'done',
    title: 'DONE',
    width: 7,
    priority: 0,
    right: true,
    text: ({ id, spec }, { world }) => {
      const done = world.tasksOf(id).filter(({ status }) => status.state === 'complete').length;
      return spec.mode.kind === 'replicated' ? `${done}/${spec.mode.replicas}` : String(done);
    },
  },
  {
    key: 'code',
    title: 'CODE',
    width: 4,
    priority: 1,
    right: true,
    text: (service, look) => String(newest(service, look)?.status.exitCode ?? '-'),
  },
  {
    key: 'tries',
    title: 'TRIES',
    width: 5,
    priority: 2,
    right: true,
    text: ({ id }, { world }) => String(world.tasksOf(id).length),
    order: ({ id }, { world }) => world.tasksOf(id).length,
  },
  {
    key: 'ended',
    title: 'ENDED',
    width: 6,
    priority: 1,
    right: true,
    text: (service, look) => {
      const status = newest(service, look)?.status;
      return status !== undefined && isTerminal(status.state) ? age(look.now - status.at) : '-';
    },
    order: (service, look) => -(newest(service, look)?.status.at ?? 0),
  },
  {
    key: 'message',
    title: 'MESSAGE',
    width: 16,
    max: 80,
    priority: 3,
    text: (service, look) => {
      const status = newest(service, look)?.status;
      return status?.error ?? status?.message ?? '';
    },
  },
];

export const jobsView = defineView<Service>({
  name: 'jobs',
  title: 'Jobs',
  aliases: ['jobs', 'job'],
  sort: { column: 'name', descending: false },
  columns,
  items: ({ world }, { project }) =>
    [...world.services.values()].filter(
      ({ spec }) => spec.mode.job === true && (project === undefined || spec.project === project),
    ),
  id: ({ id }) => id,
  text: ({ spec }) => `${spec.project}/${spec.service}`,
  labels: ({ spec }) => spec.labels,
  hasProblem: (service, look) => jobMark(service, look).style === 'bad',
});
