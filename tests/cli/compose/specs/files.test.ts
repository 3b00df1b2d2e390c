import { createHash } from 'node:crypto';
import test from 'ava';
import type { Project } from '../../../../cli/compose/model.js';
import { toDataInputs } from '../../../../cli/compose/specs/files.js';

function nameOfSecret(content: string): string {
  const secrets = { pass: { name: 'shop_pass', file: './pass' } };
  const project = { name: 'shop', secrets, configs: {} } as unknown as Project;
  const contents = new Map([['secrets/pass', Buffer.from(content)]]);
  return toDataInputs(project, 'secrets', contents)[0]?.spec.name ?? '';
}

test("a secret's name depends on its content and contains no fast hash of it", (t) => {
  const name = nameOfSecret('hunter2');
  t.regex(name, /^shop_pass-[0-9a-f]{12}$/);
  t.is(nameOfSecret('hunter2'), name);
  t.not(nameOfSecret('hunter3'), name);
  const fast = createHash('sha256').update('hunter2').digest('hex');
  t.false(name.includes(fast.slice(0, 12)));
});
