import { requireBuildNetwork } from '../../access/client-access.js';
import { optional, orElse } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { NodeId } from '../../common/model/ids.js';
import { imageKey, recordedFirst } from '../../common/model/trust/image-record.js';
import type { Node } from '../../common/model/node.js';
import { parsePlatform, runsPlatform } from '../../common/model/platform.js';
import { decodeStreamFrame } from '../../common/protocol/frames.js';
import type {
  MessageStream,
  RegistryAuth,
  WorkerStreamRequest,
} from '../../common/protocol/worker-calls.js';
import { imageDigest } from '../../common/protocol/spec-decoders.js';
import { buildParameters } from '../../common/protocol/worker-request-decoders.js';
import { Args } from '../args.js';
import { readAuth } from '../calls/images.js';
import { findNode } from '../find.js';
import { findImage } from '../find-image.js';
import { recordImage, recordPull } from '../record-image.js';
import { pipe } from './exec.js';
import type { ClientStream, ControlStreams, StreamContext } from './stream-context.js';

interface WorkerTransfer {
  readonly nodeId: NodeId;
  readonly request: WorkerStreamRequest;
  /** Runs once the worker has succeeded, before the client learns it. */
  readonly beforeEnd?: () => Promise<void>;
}

async function pipeToWorker(
  context: StreamContext,
  client: ClientStream,
  { nodeId, request, beforeEnd }: WorkerTransfer,
): Promise<void> {
  const { streamId, stream } = await context.workers.open(nodeId, request, client.signal);
  const source = beforeEnd === undefined ? stream : beforeExit(stream, beforeEnd);
  await pipe(context, client, { nodeId, streamId, stream: source });
}

/** Runs a step before the message with which the worker ends its work, unless it failed. */
function beforeExit(stream: MessageStream, step: () => Promise<void>): MessageStream {
  return {
    send: (message) => stream.send(message),
    close: () => {
      stream.close();
    },
    async *[Symbol.asyncIterator]() {
      for await (const message of stream) {
        const isText = typeof message === 'string';
        if (!isText && decodeStreamFrame(message)?.channel === 'exit') await step();
        yield message;
      }
    },
  };
}

function optionalAuth(args: Args): { readonly auth?: RegistryAuth } {
  const auth = readAuth(args.object('auth'));
  return Object.keys(auth).length === 0 ? {} : { auth };
}

export const pull: ControlStreams['pull'] = async (context, args, client) => {
  const node = findNode(context.store.view, args.text('node'));
  const platform = args.optionalText('platform');
  const digest = args.field('digest', optional(imageDigest));
  const request = {
    kind: 'pull-image',
    image: args.text('image'),
    ...(digest === undefined ? {} : { digest }),
    ...(platform === undefined ? {} : { platform }),
    ...optionalAuth(args),
  } as const;
  const beforeEnd = (): Promise<void> =>
    recordPull({ ...context, signal: client.signal }, [node.id], request.image, digest);
  await pipeToWorker(context, client, { nodeId: node.id, request, beforeEnd });
};

export const fetchStream: ControlStreams['fetch'] = async (context, args, client) => {
  const node = findNode(context.store.view, args.text('node'));
  const platform = args.optionalText('platform');
  const wanted = { image: args.text('image'), ...(platform === undefined ? {} : { platform }) };
  const request = { kind: 'fetch-image', ...wanted } as const;
  await pipeToWorker(context, client, { nodeId: node.id, request });
};

export const push: ControlStreams['push'] = async (context, args, client) => {
  const image = args.text('image');
  const holders = await findImage({ ...context, signal: client.signal }, image);
  const latestFirst = [...holders].sort((a, b) => b.createdAt - a.createdAt);
  const record = context.store.view.get('images', imageKey(image));
  const [first] = recordedFirst(latestFirst, record);
  if (first === undefined)
    throw new AppError(
      'not-found',
      `image ${image}: not found on any node; build or pull it first`,
    );
  const request = { kind: 'push-image', image, ...optionalAuth(args) } as const;
  await pipeToWorker(context, client, { nodeId: first.nodeId as NodeId, request });
};

export const build: ControlStreams['build'] = async (context, args, client) => {
  const auths = Object.entries(args.object('auths')).map(
    ([registry, auth]) => [registry, readAuth(auth)] as const,
  );
  const secrets = Object.entries(args.object('secrets')).map(([id, content]) => {
    if (typeof content === 'string') return [id, content] as const;
    throw new AppError('invalid', `build: secret ${id} must be a string`);
  });
  const query = args.field('query', orElse(buildParameters, {}));
  const { networkmode } = query;
  const networkMode = typeof networkmode === 'string' ? networkmode : JSON.stringify(networkmode);
  requireBuildNetwork(context.access, networkMode);
  const request = {
    kind: 'build-image',
    query,
    auths: Object.fromEntries(auths),
    ...(secrets.length === 0 ? {} : { secrets: Object.fromEntries(secrets) }),
  } as const;
  const node = builderNode(context, args.optionalText('node'), args.optionalText('platform'));
  const tags = [query.t ?? []].flat().map(String);
  const beforeEnd = async (): Promise<void> => {
    for (const tag of tags) await recordImage({ ...context, signal: client.signal }, node.id, tag);
  };
  await pipeToWorker(context, client, { nodeId: node.id, request, beforeEnd });
};

/** The named node; else always the same capable node, so that its build cache is reused. */
function builderNode(
  { store }: StreamContext,
  named: string | undefined,
  platform: string | undefined,
): Node {
  if (named !== undefined) return findNode(store.view, named);
  const ready = store.view.list('nodes').filter(({ status }) => status.state === 'ready');
  if (ready.length === 0)
    throw new AppError('unavailable', 'build: no ready node; check "shoal node ls"');
  const wanted = platform === undefined ? undefined : parsePlatform(platform);
  const [first] = ready
    .filter(
      ({ description: { os, arch } }) => wanted === undefined || runsPlatform(wanted, os, arch),
    )
    .sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
  if (first !== undefined) return first;
  throw new AppError('not-found', `build: no ready node for platform ${platform ?? ''}`);
}
