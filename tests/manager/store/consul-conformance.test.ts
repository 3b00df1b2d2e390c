import test from 'ava';
import type { ConsulServers } from '../../../fixtures/consul/server.js';
import { newId } from '../../../manager/base/random.js';
import type { Backend } from '../../../manager/store/backend.js';
import { testBackend } from '../../helpers/backend-conformance.js';
import { findConsul } from '../../../fixtures/consul/program.js';
import { clientOf, openTestConsul, startConsul } from '../../helpers/consul.js';

const found = await findConsul();

if ('missing' in found) {
  test('consul: not tried, as there is none', (t) => {
    t.log(`skipped: ${found.missing}`);
    t.pass();
  });
} else {
  let servers: ConsulServers | undefined;
  const names = new Map<Backend, string>();

  test.before(async () => {
    ({ servers } = await startConsul());
  });
  test.after.always(async () => {
    await servers?.stop();
  });

  const open = async (name: string): Promise<Backend> => {
    if (servers === undefined) throw new Error('consul is not there');
    const backend = await openTestConsul(clientOf(servers), { cluster: { id: name, name } });
    names.set(backend, name);
    return backend;
  };
  testBackend(test, {
    name: 'consul',
    create: () => open(newId()),
    reopen: (backend) => open(names.get(backend) ?? ''),
  });
}
