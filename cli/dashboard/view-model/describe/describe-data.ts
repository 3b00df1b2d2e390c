import type { DataSeen } from '../../../../manager/common/protocol/control.js';
import { ago, field, pairs, section } from './describe-lines.js';
import type { Look } from '../state/view.js';
import type { DataKind } from '../views/data.js';
import { usersOf } from '../views/data.js';
import type { Deploy } from '../views/history.js';
import { deployChanges } from '../views/history.js';
import { isLive } from '../views/parts.js';

export function describeData(kind: DataKind, object: DataSeen, look: Look): readonly string[] {
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
      usersOf(kind, spec.name, look).map(
        (service) => `${service.spec.project}/${service.spec.service}`,
      ),
    ),
    ...section('Labels', pairs(spec.labels)),
  ];
}

export function describeDeploy(deploy: Deploy, { world, now }: Look): readonly string[] {
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
        const state = isLive(task) ? task.status.state : `${task.status.state} (ended)`;
        return `${task.containerName}  ${node}  ${state}`;
      }),
    ),
  ];
}
