import type { DataInfo } from '../../../../manager/common/protocol/control.js';
import { ago, field, keyValueLines, section } from './describe-lines.js';
import type { RenderContext } from '../state/view.js';
import type { DataViewKind } from '../views/data.js';
import { servicesUsing } from '../views/data.js';
import type { DeployVersion } from '../views/history.js';
import { deployChanges } from '../views/history.js';
import { isActiveTask } from '../views/parts.js';

export function describeData(
  kind: DataViewKind,
  object: DataInfo,
  look: RenderContext,
): readonly string[] {
  const { spec } = object;
  return [
    ...field('Name', spec.name),
    ...field('Id', object.id),
    ...field('Project', spec.project),
    ...field('Created', ago(object.createdAt, look.now)),
    ...field(
      'Content',
      kind === 'secret'
        ? 'never shown; stored only on nodes with a task that uses it'
        : `:config-object inspect ${spec.name}`,
    ),
    ...section(
      'Used by',
      servicesUsing(kind, spec.name, look).map(
        (service) => `${service.spec.project}/${service.spec.service}`,
      ),
    ),
    ...section('Labels', keyValueLines(spec.labels)),
  ];
}

export function describeDeploy(
  deploy: DeployVersion,
  { world, now }: RenderContext,
): readonly string[] {
  const { service, tasks, since, isCurrent } = deploy;
  return [
    ...field('Service', `${service.spec.project}/${service.spec.service}`),
    ...field('Version', isCurrent ? 'current' : 'replaced'),
    ...field('First task', ago(since, now)),
    ...section(
      isCurrent ? 'Changes to the previous version' : 'Changes to the current version',
      deployChanges(deploy),
    ),
    ...section(
      'Tasks',
      tasks.map((task) => {
        const node = world.nodeOf(task)?.spec.name ?? '-';
        const state = isActiveTask(task) ? task.status.state : `${task.status.state} (ended)`;
        return `${task.containerName}  ${node}  ${state}`;
      }),
    ),
  ];
}
