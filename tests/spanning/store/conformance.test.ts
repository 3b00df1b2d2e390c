import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { StoreBackend } from '../../../manager/store/backend.js';
import { openEmbedded } from '../../../manager/store/embedded/embedded.js';
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
