import { AppError } from '../../manager/common/base/errors.js';
import { withDependents } from '../../manager/common/model/dependents.js';
import { hasRunningContainer, selectRunningTask } from '../../manager/common/model/running-task.js';
import type {
  ControlCallMap,
  ControlCallName,
  ControlStreamMap,
  ControlStreamName,
  PreviewableCall,
  TaskRef,
} from '../../manager/common/protocol/control.js';
import { readingCalls } from '../../manager/common/protocol/call-effects.js';
import { previewableCalls } from '../../manager/common/protocol/control.js';
import { encodeStreamFrame } from '../../manager/common/protocol/frames.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import { DryRunEnd } from '../output/dry-run-end.js';
import type { ControlCallOptions, ControlClient } from './client.js';
import { previewLines } from './plan-lines.js';

const readingStreams: ReadonlySet<ControlStreamName> = new Set([
  ...(['watch', 'events', 'audit', 'logs', 'stats'] as const),
]);

/**
 * Client of a dry run. Reading calls pass. A call that changes something prints what it would do
 * and ends the command with DryRunEnd; `project.apply` returns its plan. Transfers of images and
 * files print a line and end at once. Nothing else reaches the cluster: a call or stream that is
 * unknown here throws `unsupported`.
 */
export class DryRunClient implements ControlClient {
  readonly #client: ControlClient;
  readonly #print: (text: string) => void;

  constructor(client: ControlClient, print: (text: string) => void) {
    this.#client = client;
    this.#print = print;
  }

  get cluster(): string {
    return this.#client.cluster;
  }

  async call<Name extends ControlCallName>(
    name: Name,
    args: ControlCallMap[Name]['args'],
    options: ControlCallOptions = {},
  ): Promise<ControlCallMap[Name]['result']> {
    if (readingCalls.has(name)) return this.#client.call(name, args, options);
    if (name === 'project.apply') {
      return this.#client.call(name, { ...args, dryRun: true }, options);
    }
    this.#print(
      isPreviewable(name)
        ? previewLines(await this.#client.call('preview', { call: name, args }, options))
        : await this.#describe(name, args, options),
    );
    throw new DryRunEnd();
  }

  async open<Name extends ControlStreamName>(
    name: Name,
    args: ControlStreamMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<MessageStream> {
    if (readingStreams.has(name)) return this.#client.open(name, args, signal);
    this.#print(`${await this.#describeStream(name, args)}\n`);
    if (!transfers.has(name)) throw new DryRunEnd();
    return new EndedStream();
  }

  close(): void {
    this.#client.close();
  }

  /** Describes a call that acts on workers, which the manager cannot plan. */
  async #describe(
    name: ControlCallName,
    args: unknown,
    options: ControlCallOptions,
  ): Promise<string> {
    const { image } = args as { readonly image?: string };
    switch (name) {
      case 'service.restart':
        return this.#eachRestart(args as RestartArgs, options);
      case 'service.kill': {
        const { signal } = args as ControlCallMap['service.kill']['args'];
        return this.#eachContainer(`kill with ${signal}`, args as ServiceArgs, options);
      }
      case 'service.pause': {
        const { paused } = args as ControlCallMap['service.pause']['args'];
        return this.#eachContainer(paused ? 'pause' : 'unpause', args as ServiceArgs, options);
      }
      case 'task.commit': {
        const to = image === undefined ? 'an image' : `image ${image}`;
        return `container ${await this.#containerOf(args as TaskRef, options)}: commit to ${to}\n`;
      }
      case 'image.remove':
        return `image ${image ?? ''}: remove from the nodes that do not use it\n`;
      default:
        throw refusal(name);
    }
  }

  /** Restarts of whole services include the services that restart with them. */
  async #eachRestart(args: RestartArgs, options: ControlCallOptions): Promise<string> {
    const { project, services, noDependents = false, taskIds = [] } = args;
    if (services.length === 0 || noDependents || taskIds.length > 0) {
      return this.#eachContainer('restart', args, options);
    }
    const known = await this.#client.call('service.list', { project }, options);
    const specs = known.filter(({ removing }) => !removing).map(({ spec }) => spec);
    const all = withDependents(services, specs);
    return this.#eachContainer('restart', { ...args, services: all }, options);
  }

  async #eachContainer(
    action: string,
    { project, services, taskIds = [] }: ServiceArgs,
    options: ControlCallOptions,
  ): Promise<string> {
    const tasks = await this.#client.call('task.list', { project }, options);
    const names = await this.#nodeNames(options);
    const lines = tasks
      .filter(hasRunningContainer)
      .filter(({ service }) => services.length === 0 || services.includes(service))
      .filter(({ id }) => taskIds.length === 0 || taskIds.includes(id))
      .map(({ containerName, nodeId }) => {
        const node = names.get(nodeId);
        return `container ${containerName}: ${action}${node === undefined ? '' : ` on ${node}`}\n`;
      })
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    return lines.length === 0 ? 'nothing to change\n' : lines.join('');
  }

  /** Name of the running container. Throws `not-found` as the call itself does. */
  async #containerOf(
    { project, service, index }: TaskRef,
    options: ControlCallOptions = {},
  ): Promise<string> {
    const tasks = await this.#client.call('task.list', { project, service }, options);
    const task = selectRunningTask(tasks, index);
    if (task !== undefined) return task.containerName;
    const which = index === undefined ? '' : ` #${index}`;
    throw new AppError('not-found', `service "${service}" is not running container${which}`);
  }

  async #nodeNames(options: ControlCallOptions = {}): Promise<ReadonlyMap<string, string>> {
    const nodes = await this.#client.call('node.list', {}, options);
    return new Map(nodes.map(({ id, spec }) => [id, spec.name]));
  }

  async #describeStream(name: ControlStreamName, args: object): Promise<string> {
    const describe = streamLines[name];
    if (describe === undefined) throw refusal(name);
    const given = args as StreamArgs;
    const { node = '' } = args as { readonly node?: string };
    const nodeName = node === '' ? '' : ((await this.#nodeNames()).get(node) ?? node);
    if (!onContainer.has(name)) return describe({ ...given, node: nodeName });
    return `container ${await this.#containerOf(given)}: ${describe(given)}`;
  }
}

/** Arguments of the streams, as far as their lines show them. */
type StreamArgs = TaskRef & {
  readonly image: string;
  readonly node: string;
  readonly path: string;
  readonly query: ControlStreamMap['build']['args']['query'];
  readonly options: ControlStreamMap['exec']['args']['options'];
};

const streamLines: Partial<Record<ControlStreamName, (args: StreamArgs) => string>> = {
  pull: ({ image, node }) => `image ${image}: pull on ${node}`,
  push: ({ image }) => `image ${image}: push`,
  build: ({ query: { t } }) => `image ${Array.isArray(t) ? t.join(', ') : ''}: build`,
  fetch: ({ image, node }) => `image ${image}: copy to ${node}`,
  'copy-in': ({ path }) => `copy files to ${path}`,
  'copy-out': ({ path }) => `copy ${path} to this computer`,
  export: () => 'export its file system',
  exec: ({ options }) => `execute ${options.command.join(' ')}`,
  attach: () => 'attach',
};

/** Streams of one container; their lines start with its name. */
const onContainer: ReadonlySet<ControlStreamName> = new Set([
  ...(['copy-in', 'copy-out', 'export', 'exec', 'attach'] as const),
]);

type RestartArgs = ControlCallMap['service.restart']['args'];
type ServiceArgs = Pick<RestartArgs, 'project' | 'services' | 'taskIds'>;

/** Streams whose commands go on when they have ended. */
const transfers: ReadonlySet<ControlStreamName> = new Set([
  'pull',
  'push',
  'build',
  'fetch',
  'copy-in',
]);

const previewable: ReadonlySet<string> = new Set(previewableCalls);

function isPreviewable(name: ControlCallName): name is PreviewableCall {
  return previewable.has(name);
}

function refusal(name: string): AppError {
  return new AppError('unsupported', `--dry-run: ${name} cannot be planned; nothing was changed`);
}

/** A stream whose peer takes everything and has already ended with success. */
class EndedStream implements MessageStream {
  send(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    // There is no connection.
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(encodeStreamFrame('exit', '0'));
  }
}
