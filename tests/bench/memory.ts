import { fileURLToPath } from 'node:url';
import { buildArchive } from '../../fixtures/images/archive.js';
import { loadImages } from '../../fixtures/images/load.js';
import { todoImages } from '../../fixtures/todo-app/images.js';
import { withCluster } from './cluster.js';
import { print } from './figures.js';

const app = fileURLToPath(new URL('../../../fixtures/todo-app', import.meta.url));

export async function run(args: readonly string[]): Promise<void> {
  const settleMs = Number(args[0] ?? 20) * 1000;
  await withCluster('bmem', '10.98.128', async (cluster) => {
    await cluster.up(3);
    await loadImages(await buildArchive(await todoImages()), cluster.lab.machines());
    await cluster.shoal(['up', '-d', '--wait'], app);
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    for (const machine of cluster.lab.machines()) {
      for (const unit of ['shoal-manager', 'shoal-worker']) {
        const pid = await machine.output(['systemctl', 'show', '-p', 'MainPID', '--value', unit]);
        if (pid.trim() === '0' || pid.trim() === '') continue;
        const status = await machine.output(['cat', `/proc/${pid.trim()}/status`]);
        const kib = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
        print(`${machine.name} ${unit}: ${(kib / 1024).toFixed(0)} MiB RSS`);
      }
    }
    print('(target worker <= 110 MB, manager <= 150 MB)');
    await cluster.shoal(['down', '-v'], app);
  });
}
