import type { ContainerSpec } from './container.js';

/**
 * A namespace or volumes shared with the same slot of another service of the project, the leader.
 */
export interface PodLink {
  /** Compose key of the leader. */
  readonly service: string;
  readonly shares: 'network' | 'ipc' | 'pid' | 'volumes';
}

/**
 * Returns the ties of a container to its leaders. Tied services form a pod: equal slots run on the
 * same node, the services have equal numbers of slots, and a follower is recreated with its leader.
 */
export function podLinksOf(container: ContainerSpec): readonly PodLink[] {
  const { networkMode, ipcService, pidService, volumesFrom } = container;
  return [
    ...(networkMode.kind === 'service' ? [tie(networkMode.service, 'network')] : []),
    ...(ipcService === undefined ? [] : [tie(ipcService, 'ipc')]),
    ...(pidService === undefined ? [] : [tie(pidService, 'pid')]),
    ...(volumesFrom ?? []).map(({ service }) => tie(service, 'volumes')),
  ];
}

function tie(service: string, shares: PodLink['shares']): PodLink {
  return { service, shares };
}

export function hasPodLinks(container: ContainerSpec): boolean {
  return podLinksOf(container).length > 0;
}

/** Whether the leader must run: a namespace ends with its process, volumes with its container. */
export function needsRunningLeader({ shares }: PodLink): boolean {
  return shares !== 'volumes';
}

/** Shared resource for messages such as `whose network it shares`. */
export function describeShared({ shares }: PodLink): string {
  return shares === 'pid' ? 'processes' : shares;
}

interface Member {
  readonly name: string;
  /** Names of the members it is tied to. */
  readonly leaders: readonly string[];
}

/**
 * Names of all members of a pod: tied to `name` directly or transitively, itself included; sorted.
 */
export function podOf(name: string, members: readonly Member[]): readonly string[] {
  const found = new Set([name]);
  // The set grows during the iteration, which then visits the new members as well.
  for (const member of found) {
    for (const neighbour of neighboursOf(member, members)) found.add(neighbour);
  }
  return [...found].sort();
}

function neighboursOf(name: string, members: readonly Member[]): readonly string[] {
  return members.flatMap((member) => {
    if (member.name === name) return member.leaders;
    return member.leaders.includes(name) ? [member.name] : [];
  });
}
