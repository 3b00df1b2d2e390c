import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decode, encode } from 'dns-packet';
import { aNetworkOnNode, anEndpoint } from '../../fixtures/cluster/network-view.js';
import { systemClock } from '../../manager/common/base/clock.js';
import { silentLogger } from '../helpers/fakes/silent-logger.js';
import type { NodeId } from '../../manager/common/model/ids.js';
import type { AssignmentSet } from '../../manager/common/protocol/assignments.js';
import { readBootId, SavedAssignments } from '../../worker/assignments/saved-set.js';
import { startDnsServer } from '../../worker/dns.js';

const gateway = '127.88.0.1';
const asker = '127.88.0.11';
const asked = '127.88.0.12';
const node = { clusterId: 'c', nodeId: 'n' as NodeId };

const set: AssignmentSet = {
  ...node,
  sequence: 1,
  tasks: [],
  networks: [aNetworkOnNode({ subnet: '127.88.0.0/16', gateway })],
  endpoints: [anEndpoint({ slot: 1, address: asker }), anEndpoint({ slot: 2, address: asked })],
  volumes: [],
  projects: [],
  files: [],
};

/**
 * The addresses that a container resolves when only this set is saved; undefined without any
 * answer.
 */
async function answerFrom(
  t: ExecutionContext,
  saved: { readonly bootId: string; readonly set: AssignmentSet },
  waitMs: number,
): Promise<readonly string[] | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-names-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const places = { ...node, dataDir: folder, secretsDir: join(folder, 'memory') };
  await new SavedAssignments(places, silentLogger).save(saved);
  const socket = createSocket('udp4');
  socket.bind(0, asker);
  await once(socket, 'listening');
  const { port } = socket.address();
  // The gateway has another address, so the port is free there.
  const names = await startDnsServer(places, systemClock, silentLogger, port);
  const question = encode({
    type: 'query',
    id: 1,
    flags: 0x0100,
    questions: [{ name: 'web', type: 'A' }],
  });
  const again = setInterval(() => {
    socket.send(question, port, gateway);
  }, 20);
  try {
    const [message] = (await once(socket, 'message', {
      signal: AbortSignal.timeout(waitMs),
    })) as [Buffer];
    const { answers = [] } = decode(message);
    return answers.flatMap((answer) => (answer.type === 'A' ? [answer.data] : [])).sort();
  } catch {
    return undefined;
  } finally {
    clearInterval(again);
    names.stop();
    socket.close();
  }
}

test.serial('a restarted worker answers names from the saved assignment set', async (t) => {
  const bootId = await readBootId();
  t.deepEqual(await answerFrom(t, { bootId, set }, 20_000), [asker, asked]);
});

test.serial('no name is answered after a reboot or from another node’s saved set', async (t) => {
  const bootId = await readBootId();
  t.is(await answerFrom(t, { bootId: 'another', set }, 500), undefined);
  const ofOther = { ...set, nodeId: 'other' as NodeId };
  t.is(await answerFrom(t, { bootId, set: ofOther }, 500), undefined);
});
