import type { ClusterRecord } from '../store/store.js';

/** Adds a manager's CA to the record. Returns the same object if it is already recorded. */
export function withAuthority(
  record: ClusterRecord,
  nodeId: string,
  authority: string,
): ClusterRecord {
  const known = record.authorities?.[nodeId] ?? [];
  if (known.includes(authority)) return record;
  return { ...record, authorities: { ...record.authorities, [nodeId]: [...known, authority] } };
}

/**
 * Removes a manager from the record and marks its CAs as retiring, unless another manager holds
 * them too. Returns the same object if no CA of the manager is recorded.
 */
export function withRetiredManager(record: ClusterRecord, nodeId: string): ClusterRecord {
  const { [nodeId]: held, ...remaining } = record.authorities ?? {};
  if (held === undefined) return record;
  const kept = new Set([...Object.values(remaining).flat(), ...(record.refusedAuthorities ?? [])]);
  const retiring = new Map((record.retiring ?? []).map((each) => [each.authority, each]));
  for (const authority of held) {
    if (!kept.has(authority)) retiring.set(authority, { authority, nodeId });
  }
  return { ...record, authorities: remaining, retiring: [...retiring.values()] };
}

/**
 * Retiring CAs that no node depends on: every node is connected with a certificate of another CA.
 */
export function unneededAuthorities(
  record: ClusterRecord,
  nodes: readonly string[],
  shown: (nodeId: string) => string | undefined,
): readonly string[] {
  return (record.retiring ?? [])
    .filter(({ authority }) =>
      nodes.every((id) => {
        const current = shown(id);
        return current !== undefined && current !== authority;
      }),
    )
    .map(({ authority }) => authority);
}

/** Adds CAs to the refused list and removes them from the retiring list. */
export function withRefusedAuthorities(
  record: ClusterRecord,
  authorities: readonly string[],
): ClusterRecord {
  const refused = new Set([...(record.refusedAuthorities ?? []), ...authorities]);
  const left = (record.retiring ?? []).filter(({ authority }) => !refused.has(authority));
  return { ...record, refusedAuthorities: [...refused].sort(), retiring: left };
}

/** Ends a rotation: refuses its old CA. Returns the same object if another rotation is running. */
export function withFinishedRotation(record: ClusterRecord, to: string): ClusterRecord {
  const { rotation, ...rest } = record;
  if (rotation?.to !== to) return record;
  const refused = new Set([...(record.refusedAuthorities ?? []), rotation.from]);
  refused.delete(to);
  return { ...rest, refusedAuthorities: [...refused].sort() };
}
