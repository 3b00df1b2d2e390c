import { createInterface } from 'node:readline';
import { systemClock } from '../../../manager/common/base/clock.js';
import { messageOf } from '../../../manager/common/base/errors.js';
import { jsonLogger } from '../../../manager/common/base/log.js';
import type { NetworkId, TaskId } from '../../../manager/common/model/ids.js';
import { DnsServer } from '../../../network/dns/server.js';
import { Overlay } from '../../../network/overlay/overlay.js';
import { EngineClient } from '../../../worker/executor/docker/client.js';
import { EngineNetworks } from '../../../worker/executor/docker/networks.js';
import type { ContainerCache } from '../../../worker/executor/executor.js';
import type { NodeRequest } from './network-node.js';

/**
 * Overlay and DNS server of one node, without a worker. Runs in a machine's network namespace with
 * the node's address, the engine's socket and a resolv.conf. Reads requests as JSON lines and
 * answers each with one line.
 */
const [address = '', socket = '', resolvConf = '/etc/resolv.conf'] = process.argv.slice(2);
const log = jsonLogger(
  'debug',
  (line) => process.stderr.write(line),
  () => Date.now(),
);
// The engine itself refuses to remove a network in use, so attached containers need not be known.
const noContainers: ContainerCache = {
  all: () => [],
  get: () => undefined,
  synced: () => Promise.resolve(),
  hasSynced: true,
  connected: true,
  onChange: () => undefined,
  onSync: () => undefined,
};
const bridges = new EngineNetworks(new EngineClient(socket), 'test', noContainers);
const overlay = new Overlay({ bridges, address, clock: systemClock, log });
const names = new DnsServer({ clock: systemClock, log, resolvConf });
let present: readonly NetworkId[] = [];
overlay.onNetworksChanged((ids) => {
  present = ids;
});
overlay.start();
names.start();

async function handle(request: NodeRequest): Promise<unknown> {
  switch (request.op) {
    case 'view':
      overlay.setView(request.view);
      names.setView({ ...request.view, projects: [] });
      return undefined;
    case 'ready':
      return overlay.ready(request.networkId, AbortSignal.timeout(request.timeoutMs));
    case 'down':
      names.setDown(new Set(request.taskIds as readonly TaskId[]));
      return undefined;
    case 'local':
      names.setLocal(new Map(request.containers));
      return undefined;
    case 'present':
      return present;
    case 'purge':
      await overlay.stop();
      return overlay.purge(AbortSignal.timeout(30_000));
    case 'stop':
      names.stop();
      await overlay.stop();
      return undefined;
  }
}

const keepAlive = setInterval(() => undefined, 60_000);
const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  const { id, request } = JSON.parse(line) as { id: number; request: NodeRequest };
  const respond = (answer: object): void => {
    process.stdout.write(`${JSON.stringify({ id, ...answer })}\n`);
  };
  handle(request).then(
    (value) => {
      respond({ value });
    },
    (error: unknown) => {
      respond({ error: messageOf(error) });
    },
  );
});
input.on('close', () => {
  clearInterval(keepAlive);
  names.stop();
  void overlay.stop().then(() => process.exit(0));
});
