import test from 'ava';
import { isAppError } from '../../../../manager/common/base/errors.js';
import { closedPolicy } from '../../../../manager/common/model/trust/project-policy.js';
import { projectSettingsCalls } from '../../../../manager/control/calls/project-settings.js';
import type { CallContext } from '../../../../manager/control/context.js';
import type { ClusterStore } from '../../../../manager/store/store.js';
import { openTestStore } from '../../../helpers/stores/memory-store.js';

async function open(): Promise<{ readonly context: CallContext; readonly store: ClusterStore }> {
  const store = await openTestStore();
  return { store, context: { store } as unknown as CallContext };
}

const setPolicy = projectSettingsCalls['project.set-policy'];
const setQuota = projectSettingsCalls['project.set-quota'];

test('rights are normalised, added and taken away; policy and quota do not disturb each other', async (t) => {
  const { context, store } = await open();
  const allow = { bindPaths: ['/srv/../srv/shop/'], capabilities: ['cap_net_raw'] };
  await setPolicy(context, { project: 'shop', allow });
  await setQuota(context, { project: 'shop', limits: { containers: 3, ports: 1 } });
  await setPolicy(context, { project: 'shop', allow: { privileged: true } });
  t.like(store.view.get('projects', 'shop'), {
    policy: {
      ...closedPolicy,
      privileged: true,
      bindPaths: ['/srv/shop'],
      capabilities: ['NET_RAW'],
    },
    quota: { containers: 3, ports: 1 },
  });
  await setQuota(context, { project: 'shop', limits: { ports: null } });
  t.deepEqual(store.view.get('projects', 'shop')?.quota, { containers: 3 });
  await setPolicy(context, { project: 'shop', reset: true });
  t.is(store.view.get('projects', 'shop')?.policy, undefined);
  await setQuota(context, { project: 'shop', reset: true });
  t.is(store.view.get('projects', 'shop'), undefined, 'a project without settings has no record');
});

const refused: readonly (readonly [change: object, message: RegExp])[] = [
  [{ project: 'a/b' }, /^project name "a\/b": invalid/u],
  [{ project: 'shop', allow: { bindPaths: ['srv'] } }, /^path "srv": invalid; use an absolute/u],
  [
    { project: 'shop', allow: { capabilities: ['NET ADMIN'] } },
    /^capability "NET ADMIN": invalid/u,
  ],
  [
    { project: 'shop', allow: { bindPaths: Array.from({ length: 101 }, (_, at) => `/p${at}`) } },
    /at most 100 paths/u,
  ],
];

for (const [change, message] of refused) {
  test(`${message.source} is refused`, async (t) => {
    const { context, store } = await open();
    const error: unknown = await Promise.resolve()
      .then(() => setPolicy(context, change))
      .catch((thrown: unknown) => thrown);
    t.true(isAppError(error) && error.kind === 'invalid');
    t.regex((error as Error).message, message);
    t.is(store.view.count('projects'), 0);
  });
}
