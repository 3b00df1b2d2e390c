import type {
  ControlStreamMap,
  ControlStreamName,
  WatchMessage,
} from '../../../manager/common/protocol/control.js';
import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';
import { running } from './demo-project.js';
import { FakeCluster } from './fake-cluster.js';

const first = running(1, 'n1');

const ended: WatchMessage = {
  kind: 'put',
  table: 'tasks',
  object: { ...first, status: { ...first.status, state: 'complete', exitCode: 0 } },
};

/** One message for each other reading stream. */
const messages: Partial<Record<ControlStreamName, unknown>> = {
  events: {
    number: 1,
    at: 60_000,
    type: 'container',
    action: 'start',
    id: 'c',
    name: 'demo-web-1',
    attributes: {},
  },
  logs: [
    {
      at: 60_000,
      stamp: '1970-01-01T00:01:00Z',
      stream: 'stdout',
      text: 'listening',
      taskId: first.id,
      service: 'web',
      slot: 1,
      containerName: 'demo-web-1',
      node: 'node-1',
    },
  ],
  stats: { kind: 'snapshot', at: 60_000, tasks: [], goneTasks: [], nodes: [], goneNodes: [] },
};

/**
 * A fake cluster whose reading streams send one message. `watch` then stays open, the others end.
 */
export class StreamingCluster extends FakeCluster {
  override async open<Name extends ControlStreamName>(
    name: Name,
    args: ControlStreamMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<MessageStream> {
    const near = await super.open(name, args, signal);
    if (name === 'watch') {
      await this.push(ended);
    } else {
      const far = this.streams.get(name);
      if (messages[name] !== undefined) await far?.send(JSON.stringify(messages[name]));
      far?.close();
    }
    return near;
  }
}
