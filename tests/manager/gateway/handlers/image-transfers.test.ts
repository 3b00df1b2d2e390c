import test from 'ava';
import { aNode } from '../../../../fixtures/cluster/build.js';
import { encodeStreamFrame } from '../../../../manager/common/protocol/frames.js';
import type { ApiRequest, GatewayContext } from '../../../../manager/gateway/context.js';
import { pullImage } from '../../../../manager/gateway/handlers/image-transfers.js';
import { messagePair } from '../../../helpers/fakes/message-pair.js';
import { recordingLogger } from '../../../helpers/fakes/recording-logger.js';
import { openTestStore } from '../../../helpers/stores/memory-store.js';

const digest = `sha256:${'1'.repeat(64)}`;

/** Pulls on two nodes that have the image; the connection of `w2` is lost meanwhile. */
async function pullWithLostNode() {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    for (const name of ['w1', 'w2']) tx.create('nodes', aNode(name));
  });
  const open = async (node: string): Promise<object> => {
    const [stream, far] = messagePair();
    await far.send(JSON.stringify({ status: 200, headers: {} }));
    await far.send(encodeStreamFrame('stdout', `{"status":"pulled by ${node}"}\n`));
    await far.send(encodeStreamFrame(node === 'w1' ? 'exit' : 'stderr', ''));
    return { streamId: 's', stream };
  };
  const recorded: object[] = [];
  const context = {
    ...{ store, log: recordingLogger().log, note: () => Promise.resolve() },
    workers: { call: () => Promise.resolve({ id: 'sha256:0', createdAt: 0 }), open },
    control: (name: string, args: object) => {
      if (name === 'image.record') recorded.push(args);
      return Promise.resolve(name === 'image.pin' ? { digest } : null);
    },
  } as unknown as GatewayContext;
  const { signal } = new AbortController();
  const answer = await pullImage(context, {
    ...{ path: '/images/create', method: 'POST', apiMinor: 45, signal, headers: {} },
    ...{ query: new URLSearchParams('fromImage=app&tag=1'), distinctHeaders: {} },
  } as unknown as ApiRequest);
  let text = '';
  const send = (chunk: string | Uint8Array): Promise<void> => {
    text += Buffer.from(chunk).toString();
    return Promise.resolve();
  };
  if (answer.kind === 'stream') await answer.pour({ signal, send });
  return { text, recorded };
}

test('a node that is lost while several pull fails alone, and the pull is recorded', async (t) => {
  const { text, recorded } = await pullWithLostNode();
  t.regex(text, /"status":"pulled by w1"/u);
  t.regex(text, /"error":"node w2: engine answer: ended early"/u);
  t.deepEqual(recorded, [{ image: 'app:1', digest, nodes: ['w1', 'w2'], event: 'pulled' }]);
});
