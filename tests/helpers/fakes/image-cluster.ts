import { aNode } from '../../../fixtures/cluster/build.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import type { ImageId, NodeId } from '../../../manager/common/model/ids.js';
import { decodeStreamFrame, encodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import type {
  MessageStream,
  NodeImage,
  WorkerCalls,
  WorkerStreamRequest,
} from '../../../manager/common/protocol/worker-calls.js';
import { backgroundWrite } from '../../../manager/dispatcher/background-write.js';
import {
  ImageDistributor,
  type ImageRequest,
} from '../../../manager/dispatcher/image-distributor.js';
import { ManualClock } from './manual-clock.js';
import { messagePair } from './message-pair.js';
import { recordingLogger } from './recording-logger.js';
import { openTestStore } from '../stores/memory-store.js';

export const [w1, w2] = ['w1' as NodeId, 'w2' as NodeId];
export const never = new AbortController().signal;
export const app: ImageRequest = { image: 'app:1' };
export const found = (more: Partial<NodeImage> = {}): NodeImage => ({
  ...{ id: 'sha256:1', platform: 'linux/amd64', sizeBytes: 5, createdAt: 5 },
  ...more,
});

/** Reads an archive up to its end. */
export async function readArchive(stream: MessageStream): Promise<string> {
  let text = '';
  for await (const message of stream) {
    const frame = typeof message === 'string' ? undefined : decodeStreamFrame(message);
    if (frame?.channel !== 'stdin') continue;
    if (frame.data.length === 0) break;
    text += Buffer.from(frame.data).toString();
  }
  return text;
}

/** Workers without engines: a test sets what they answer and how they save and load. */
export class FakeNodes implements WorkerCalls {
  /** Questions and streams, `w2 findImage`, `w2 save-image 2` with the number of layers left out. */
  readonly asked: string[] = [];
  readonly loaded: string[] = [];
  /** Image ids that archives have to have. */
  readonly expected: string[] = [];
  readonly streams: MessageStream[] = [];
  /** References of images that were saved. */
  readonly saved: string[] = [];
  findImage: (nodeId: NodeId, image: string) => Promise<NodeImage | null> = (nodeId) =>
    Promise.resolve(nodeId === w2 ? found() : null);
  knownLayers: () => Promise<number> = () => Promise.resolve(0);
  save = async (stream: MessageStream): Promise<void> => {
    for (const part of ['first ', 'second']) await stream.send(encodeStreamFrame('stdout', part));
    await stream.send(encodeStreamFrame('exit', '0'));
  };
  load = async (stream: MessageStream): Promise<void> => {
    this.loaded.push(await readArchive(stream));
    await stream.send(encodeStreamFrame('exit', '0'));
  };

  call(nodeId: NodeId, name: string, args: object): Promise<never> {
    this.asked.push(`${nodeId} ${name}`);
    const { image = '' } = args as { readonly image?: string };
    const answer = name === 'findImage' ? this.findImage(nodeId, image) : this.knownLayers();
    return answer as Promise<never>;
  }

  open(
    nodeId: NodeId,
    request: WorkerStreamRequest,
    signal: AbortSignal,
  ): Promise<{ streamId: string; stream: MessageStream }> {
    signal.throwIfAborted();
    const without = request.kind === 'save-image' ? request.withoutLayers : undefined;
    this.asked.push(`${nodeId} ${request.kind} ${without ?? ''}`.trim());
    if (request.kind === 'save-image') this.saved.push(request.image);
    if (request.kind === 'load-image') this.expected.push(request.id);
    const [stream, far] = messagePair();
    this.streams.push(far);
    void (request.kind === 'save-image' ? this.save(far) : this.load(far));
    return Promise.resolve({ streamId: 's', stream });
  }
}

/** Node w1 requests; w2 and w3 are connected, w4 is not. */
export async function imageCluster() {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    for (const at of ['1', '2', '3', '4'])
      tx.create('nodes', aNode(`w${at}`, { name: `node-${at}` }));
  });
  const clock = new ManualClock();
  const nodes = new FakeNodes();
  const { log, lines } = recordingLogger();
  const images = new ImageDistributor({
    view: store.view,
    clock,
    calls: nodes,
    log,
    write: backgroundWrite(store, log),
    isConnected: (nodeId) => nodeId !== 'w4',
  });
  const copy = (wanted = app, signal = never): Promise<string> =>
    images.copyImage(w1, wanted, signal).then(
      (name) => `from ${name}`,
      (error: unknown) => (isAppError(error) ? `${error.kind}: ${error.message}` : String(error)),
    );
  const recorded = (image = 'app:1') => store.view.get('images', image as ImageId);
  return { clock, nodes, images, copy, lines, store, recorded };
}
