import { encodeStreamFrame } from '../../manager/common/protocol/frames.js';
import type { WorkerStreamRequest } from '../../manager/common/protocol/worker-calls.js';
import { rawOutput } from '../executor/demux.js';
import { sendOutput } from './send-output.js';
import type { ServedStream, StreamDependencies } from './served-stream.js';

type TransferRequest = Extract<
  WorkerStreamRequest,
  {
    kind:
      | 'fetch-image'
      | 'pull-image'
      | 'push-image'
      | 'build-image'
      | 'read-archive'
      | 'write-archive'
      | 'export';
  }
>;

/** Transfers images and files to and from this node's engine. */
export async function serveTransfer(
  { engine: { access, transfer }, tasks }: StreamDependencies,
  { input, signal, stream }: ServedStream,
  request: TransferRequest,
): Promise<void> {
  const sendAll = (data: NodeJS.ReadableStream): Promise<void> =>
    sendOutput(stream, rawOutput(data));
  switch (request.kind) {
    case 'fetch-image':
      await transfer.fetchImage(request.image, request.platform, signal);
      break;
    case 'pull-image':
      await sendAll(await transfer.pullImage(request, signal));
      transfer.invalidateImages();
      await transfer.tagPulled(request, signal);
      break;
    case 'push-image':
      await sendAll(await transfer.pushImage(request.image, request.auth, signal));
      break;
    case 'build-image':
      await sendAll(await transfer.buildImage(input, request, signal));
      transfer.invalidateImages();
      break;
    case 'read-archive': {
      const { id } = tasks.container(request.taskId);
      await sendAll(await access.readArchive(id, request.path, signal));
      break;
    }
    case 'write-archive': {
      const { id } = tasks.container(request.taskId);
      await access.writeArchive(id, request.path, input, signal);
      break;
    }
    case 'export': {
      const { id } = tasks.container(request.taskId);
      await sendAll(await access.readArchive(id, undefined, signal));
    }
  }
  await stream.send(encodeStreamFrame('exit', '0'));
}
