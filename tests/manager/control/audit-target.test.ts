import test from 'ava';
import { auditTarget, withoutControls } from '../../../manager/control/audit-target.js';

test('the target names objects and leaves out what may be a secret', (t) => {
  const exec = { project: 'shop', service: 'web', index: 2, options: { command: ['echo', 'pw'] } };
  t.is(auditTarget(exec), 'project shop, service web, index 2');
  t.is(auditTarget({ project: 'shop', services: ['web', 'db'] }), 'project shop, services web db');
  t.is(auditTarget({ name: 'password', data: 'aHVudGVyMg==' }), 'name password');
  t.is(auditTarget({ image: { toString: 'x' }, services: [1, {}] }), 'services ');
  for (const foreign of [null, 'text', 7, []]) t.is(auditTarget(foreign), '');
});

test('names cannot break a line or control a terminal', (t) => {
  t.is(withoutControls('a\r\nb\u001B[2J\u202Ec\u2028d'), 'a�b�[2J�c�d');
});
