import { newId } from '../../../manager/common/base/random.js';
import type { StoreBackend } from '../../../manager/store/backend.js';
import { testBackend } from '../../helpers/stores/backend-conformance.js';
import { clientOf, consulTest, openTestConsul, sharedConsul } from '../../helpers/consul/consul.js';

const shared = sharedConsul();
const names = new Map<StoreBackend, string>();

const open = async (name: string): Promise<StoreBackend> => {
  const backend = await openTestConsul(clientOf(shared()), { cluster: { id: name, name } });
  names.set(backend, name);
  return backend;
};

testBackend(consulTest, {
  name: 'consul',
  create: () => open(newId()),
  reopen: (backend) => open(names.get(backend) ?? ''),
});
