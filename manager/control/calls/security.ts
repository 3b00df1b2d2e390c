import { AppError } from '../../common/base/errors.js';
import type { SecurityCallMap } from '../../common/protocol/security.js';
import { updateClusterRecord } from '../../store/cluster-record.js';
import type { ClusterRecord, ClusterStore } from '../../store/store.js';
import { Args } from '../args.js';
import type { CallContext, ClusterSecurity, ControlCalls } from '../context.js';

const minuteMs = 60_000;
const dayMs = 86_400_000;

function securityOf({ security }: CallContext): ClusterSecurity {
  if (security !== undefined) return security;
  throw new AppError('unsupported', 'ca: this manager has no intermediate CA');
}

function updateRecord(
  store: ClusterStore,
  change: (record: ClusterRecord) => ClusterRecord,
): Promise<void> {
  return store.update('control', (tx) => {
    updateClusterRecord(tx, change);
  });
}

/** Reads a duration in ms. Throws `invalid` unless it is between `leastMs` and 10 years. */
function durationOf(args: Args, key: string, leastMs: number): number {
  const ms = args.count(key) ?? 0;
  if (ms >= leastMs && ms <= 3650 * dayMs) return ms;
  throw new AppError('invalid', `${key}: must be between ${leastMs / 1000} s and 10 years`);
}

async function revoke(context: CallContext, args: Args): Promise<null> {
  const serial = args.text('serial').toLowerCase().replaceAll(':', '');
  if (!/^[0-9a-f]{1,40}$/.test(serial)) {
    throw new AppError(
      'invalid',
      `serial number "${serial}": invalid; use 1 to 40 hexadecimal digits`,
    );
  }
  if (serial === context.peer.serial) {
    throw new AppError(
      'conflict',
      `certificate ${serial}: is the one you use now; revoke it with another client certificate`,
    );
  }
  await updateRecord(context.store, (record) => ({
    ...record,
    refusedClients: [...new Set([...(record.refusedClients ?? []), serial])].sort(),
  }));
  return null;
}

function withoutToken(record: ClusterRecord, id: string): ClusterRecord {
  const tokens = record.tokens ?? [];
  const left = tokens.filter((token) => token.id !== id);
  if (left.length === tokens.length) throw new AppError('not-found', `no such token: ${id}`);
  return { ...record, tokens: left };
}

export const securityCalls: Pick<ControlCalls, keyof SecurityCallMap> = {
  'ca.status': (context) => Promise.resolve(securityOf(context).status()),
  'ca.request': async (context) => ({ request: await securityOf(context).requestAuthority() }),
  'ca.install': async (context, value) => {
    await securityOf(context).installAuthority(new Args('ca.install', value).text('certificate'));
    return null;
  },
  'ca.finish': async (context, value) => {
    const force = new Args('ca.finish', value).flag('force');
    return { refused: await securityOf(context).finishRotation(force) };
  },
  'ca.set': async ({ store }, value) => {
    const args = new Args('ca.set', value);
    const certificateLifetimeMs = durationOf(args, 'certificateLifetimeMs', 10_000);
    await updateRecord(store, (record) => ({ ...record, certificateLifetimeMs }));
    return null;
  },
  'ca.revoke': (context, value) => revoke(context, new Args('ca.revoke', value)),
  'ca.rotate-key': async (context) => ({ sealed: await securityOf(context).rotateKey() }),
  'token.create': (context, value) => {
    const args = new Args('token.create', value);
    return securityOf(context).createToken({
      ttlMs: durationOf(args, 'ttlMs', minuteMs),
      uses: args.count('uses'),
      label: args.optionalText('label') ?? '',
    });
  },
  'token.list': ({ store }) => {
    const tokens = store.view.get('cluster', 'cluster')?.tokens ?? [];
    return Promise.resolve(tokens.map(({ hash: _hash, ...token }) => token));
  },
  'token.remove': async ({ store }, value) => {
    const id = new Args('token.remove', value).text('id');
    await updateRecord(store, (record) => withoutToken(record, id));
    return null;
  },
  'token.rotate': (context, value) =>
    securityOf(context).rotateToken(new Args('token.rotate', value).text('id')),
};
