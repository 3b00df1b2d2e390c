import type { EngineRequest } from '../../manager/common/protocol/engine/engine-request.js';
import { encodeStreamFrame } from '../../manager/common/protocol/frames.js';
import { rawOutput } from '../executor/demux.js';
import { sendOutput } from './send-output.js';
import type { ServedStream, StreamDependencies } from './served-stream.js';

/** Paths of requests that may add, move or remove tags. */
const changesImages = /^\/(?:images|build|session|grpc|commit)/u;

/** Passes a Docker client's request to this node's engine and the answer to the manager. */
export async function serveEngineRequest(
  { engine: { requests, transfer }, tasks }: StreamDependencies,
  { stream, input, signal }: ServedStream,
  request: EngineRequest,
): Promise<void> {
  const id = request.taskId === undefined ? undefined : tasks.container(request.taskId).id;
  const { output, ...head } = await requests.pass(request, id, input, signal);
  try {
    await stream.send(JSON.stringify(head));
    await sendOutput(stream, rawOutput(output));
    await stream.send(encodeStreamFrame('exit', '0'));
  } finally {
    if (request.method !== 'GET' && changesImages.test(request.path)) transfer.invalidateImages();
  }
}
