import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { StoreBackend } from '../../../manager/store/backend.js';
import { openConsul } from '../../../manager/store/consul/consul.js';
import { openEmbedded } from '../../../manager/store/embedded/embedded.js';
import { MemoryKv } from '../../helpers/fakes/memory-kv.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import { testBackend } from '../../helpers/stores/backend-conformance.js';

const folders = new Map<StoreBackend, string>();

test.after.always(async () => {
  for (const folder of folders.values()) await rm(folder, { recursive: true, force: true });
});

testBackend(test, { name: 'memory', create: () => Promise.resolve(new MemoryBackend()) });

testBackend(test, {
  name: 'embedded',
  async create() {
    const folder = await mkdtemp(join(tmpdir(), 'shoal-store-'));
    const backend = await openEmbedded(folder);
    folders.set(backend, folder);
    return backend;
  },
  reopen: (backend) => openEmbedded(folders.get(backend) ?? ''),
});

const stores = new Map<StoreBackend, MemoryKv>();

async function openInMemory(kv: MemoryKv): Promise<StoreBackend> {
  const cluster = { id: 'c1', name: 'test' };
  const backend = await openConsul({ client: kv, prefix: 'shoal', cluster, owner: 'm1' });
  stores.set(backend, kv);
  return backend;
}

testBackend(test, {
  name: 'consul in memory',
  create: () => openInMemory(new MemoryKv()),
  reopen: (backend) => openInMemory(stores.get(backend) ?? new MemoryKv()),
});
