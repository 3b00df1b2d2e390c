import type { ContainerSpec } from './container.js';

/** What a container has of another's: the same slot of another service of its project, its leader. */
export interface Tie {
  /** Compose key of the leader. */
  readonly service: string;
  readonly shares: 'network' | 'ipc' | 'pid' | 'volumes';
}

/**
 * Services tied to each other are a pod: the same slots of them are on the same node, they have as many
 * slots, and a follower is made anew when its leader was.
 */
export function tiesOf(container: ContainerSpec): readonly Tie[] {
  const { networkMode, ipcService, pidService, volumesFrom } = container;
  return [
    ...(networkMode.kind === 'service' ? [tie(networkMode.service, 'network')] : []),
    ...(ipcService === undefined ? [] : [tie(ipcService, 'ipc')]),
    ...(pidService === undefined ? [] : [tie(pidService, 'pid')]),
    ...(volumesFrom ?? []).map(({ service }) => tie(service, 'volumes')),
  ];
}

function tie(service: string, shares: Tie['shares']): Tie {
  return { service, shares };
}

export function isTied(container: ContainerSpec): boolean {
  return tiesOf(container).length > 0;
}

/** Namespaces end with the leader's process; volumes are there as long as its container. */
export function needsLive({ shares }: Tie): boolean {
  return shares !== 'volumes';
}

/** For messages: `whose network it shares`. */
export function describeTie({ shares }: Tie): string {
  return shares === 'pid' ? 'processes' : shares;
}

interface Member {
  readonly name: string;
  /** Members it is tied to. */
  readonly leaders: readonly string[];
}

/** All that is tied to `name`, directly or over others, itself included, in order. */
export function podOf(name: string, members: readonly Member[]): readonly string[] {
  const found = new Set([name]);
  // A set that grows while it is walked: each new member is asked for its neighbours in turn.
  for (const each of found) {
    for (const neighbour of neighboursOf(each, members)) found.add(neighbour);
  }
  return [...found].sort();
}

function neighboursOf(name: string, members: readonly Member[]): readonly string[] {
  return members.flatMap((member) => {
    if (member.name === name) return member.leaders;
    return member.leaders.includes(name) ? [member.name] : [];
  });
}
