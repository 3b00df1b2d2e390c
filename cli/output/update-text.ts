import { humanDuration } from '../../manager/common/base/human-duration.js';
import { currentUpdate } from '../../manager/common/model/rollback.js';
import type { Service } from '../../manager/common/model/service.js';

const stateTexts = {
  change: { running: 'updating', paused: 'update paused', completed: 'updated' },
  roll: { running: 'rolling', paused: 'roll paused', completed: 'rolled' },
  rollback: { running: 'rolling back', paused: 'rollback paused', completed: 'rolled back' },
} as const;

/** Describes a service's last update: `update paused 3 minutes ago: web.2 on node-1: exit 1`. */
export function updateText(service: Service, now: number): string | undefined {
  const status = currentUpdate(service);
  if (status === undefined) return undefined;
  const { kind, state, message, startedAt, endedAt } = status;
  const since = humanDuration(Math.max(0, now - (endedAt ?? startedAt)));
  const when = state === 'running' ? `for ${since}` : `${since} ago`;
  return `${stateTexts[kind][state]} ${when}${message === '' ? '' : `: ${message}`}`;
}
