import test from 'ava';
import fc from 'fast-check';
import { callRights } from '../../../manager/access/call-rights.js';
import { controlRequest, refusalOf } from '../../../manager/access/decide-access.js';
import type { RequiredRight } from '../../../manager/access/required-right.js';
import type { ClientAccess } from '../../../manager/common/model/trust/client.js';
import { clientRoles } from '../../../manager/common/model/trust/client.js';

const viewer: ClientAccess = { name: 'viewer', role: 'read', projects: [] };
const ci: ClientAccess = { name: 'ci', role: 'deploy', projects: ['shop'] };
const root: ClientAccess = { name: 'root', role: 'admin', projects: [] };

function decide(access: ClientAccess, name: string, args: unknown = {}): string | undefined {
  return refusalOf(access, controlRequest(name, args));
}

test('a reader sees the cluster and its logs but runs, reads and changes nothing', (t) => {
  const project = { project: 'shop' };
  for (const name of ['info', 'task.list', 'watch', 'events', 'node.list', 'secret.list']) {
    t.is(decide(viewer, name), undefined, `call ${name}`);
  }
  t.is(decide(viewer, 'logs', project), undefined);
  for (const name of ['exec', 'attach', 'copy-out', 'copy-in', 'export', 'task.commit', 'backup']) {
    t.regex(decide(viewer, name, project) ?? '', /^\S+: client viewer has role read; an admin/u);
  }
  t.regex(decide(viewer, 'project.apply', project) ?? '', /can grant role deploy/u);
  t.regex(decide(viewer, 'audit.list') ?? '', /can grant role admin/u);
});

test('a deployer of one project is refused in others and outside projects', (t) => {
  for (const name of ['project.apply', 'exec', 'logs', 'service.scale', 'watch']) {
    t.is(decide(ci, name, { project: 'shop' }), undefined, `call ${name}`);
    const refusal = `${name}: project blog: client ci is limited to project shop`;
    t.is(decide(ci, name, { project: 'blog' }), refusal);
  }
  t.regex(decide(ci, 'exec') ?? '', /names no project, and client ci is limited to project shop/u);
  t.is(decide(ci, 'watch'), undefined);
  t.regex(decide(ci, 'network.create', { project: 'shop' }) ?? '', /acts outside projects/u);
  t.regex(decide(ci, 'node.update') ?? '', /an admin can grant role admin/u);
});

test('a deployer without a limit acts in all projects', (t) => {
  const deployer = { ...ci, projects: [] };
  t.is(decide(deployer, 'project.apply', { project: 'blog' }), undefined);
  t.is(decide(deployer, 'volume.create'), undefined);
  t.not(decide(deployer, 'ca.revoke'), undefined);
});

test('a preview requires the right of the call that it previews', (t) => {
  const preview = (call: string, project: string): unknown => ({ call, args: { project } });
  t.not(decide(viewer, 'preview', preview('service.scale', 'shop')), undefined);
  t.is(decide(ci, 'preview', preview('service.scale', 'shop')), undefined);
  t.not(decide(ci, 'preview', preview('service.scale', 'blog')), undefined);
  t.not(decide(root, 'preview', {}), undefined);
  t.not(decide(root, 'preview', { call: 'preview', args: {} }), undefined);
});

test('a call that is missing from the table is refused to every client', (t) => {
  for (const name of ['secret.read', 'toString', '__proto__', '']) {
    for (const access of [viewer, ci, root]) {
      t.regex(decide(access, name) ?? '', /no client may call it/u, `call ${name}`);
    }
  }
});

const access = fc.record({
  name: fc.constant('c'),
  role: fc.constantFrom(...clientRoles),
  projects: fc.uniqueArray(fc.constantFrom('shop', 'blog', 'wiki')),
});
const required = fc.constantFrom<RequiredRight>(...Object.values(callRights));
const project = fc.option(fc.constantFrom('shop', 'blog', 'wiki'), { nil: undefined });

test('a higher role and fewer limits never lose a right', (t) => {
  const isAllowed = (who: ClientAccess, right: RequiredRight, of: string | undefined): boolean =>
    refusalOf(who, { action: 'call', required: right, project: of }) === undefined;
  fc.assert(
    fc.property(access, required, project, (who, right, of) => {
      if (!isAllowed(who, right, of)) return;
      t.true(isAllowed({ ...who, projects: [] }, right, of));
      t.true(isAllowed({ ...who, role: 'admin' }, right, of));
    }),
  );
});

test('a limited client never acts on a project that is not its own', (t) => {
  fc.assert(
    fc.property(access, required, project, (who, right, of) => {
      const refusal = refusalOf(who, { action: 'call', required: right, project: of });
      if (who.projects.length === 0 || refusal !== undefined) return;
      t.not(right.scope, 'cluster');
      if (of === undefined) t.is(right.scope, 'visible');
      else t.true(who.projects.includes(of));
    }),
  );
});
