import test from 'ava';
import type { HostRightsRequest } from '../../../manager/access/host-rights.js';
import { hostRightsRefusal } from '../../../manager/access/host-rights.js';
import { closedPolicy } from '../../../manager/common/model/trust/project-policy.js';

const ci = { name: 'ci' };
const bind = (path: string): HostRightsRequest['rights'][number] => ({
  field: `volumes ${path}`,
  right: { kind: 'bind', path },
});

function refusal(
  rights: HostRightsRequest['rights'],
  policy = closedPolicy,
  project = 'shop',
): string | undefined {
  return hostRightsRefusal(ci, { what: 'service web', project, rights }, policy);
}

test('a refusal names the object, the fields and the command of an admin', (t) => {
  t.is(
    refusal([bind('/srv/a b'), { field: 'pid host', right: { kind: 'host-namespaces' } }]),
    'service web: volumes /srv/a b, pid host: requests rights over its machine, and client ci is not an admin; an admin can allow it with "shoal project policy shop --allow-bind \'/srv/a b\' --allow-host-namespaces"',
  );
});

test('the command allows only what the policy lacks', (t) => {
  const policy = { ...closedPolicy, bindPaths: ['/srv'] };
  t.is(refusal([bind('/srv/data')], policy), undefined);
  const text = refusal([bind('/srv/data'), bind('/etc')], policy) ?? '';
  t.true(text.startsWith('service web: volumes /etc: '));
  t.true(text.endsWith('"shoal project policy shop --allow-bind /etc"'));
});

test('rights of admins only and objects outside projects have no command', (t) => {
  const all = { ...closedPolicy, privileged: true, bindPaths: ['/'] };
  t.is(
    refusal([{ field: 'Runtime', right: undefined }], all),
    'service web: Runtime: only an admin may request this right over a machine, and client ci is not an admin',
  );
  t.regex(refusal([bind('/srv')], closedPolicy, '') ?? '', /no policy applies to objects outside/u);
});
