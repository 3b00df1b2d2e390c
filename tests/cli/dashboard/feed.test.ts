import test from 'ava';
import type { ControlClient } from '../../../cli/client/client.js';
import { runFeed } from '../../../cli/dashboard/feed.js';
import { ClusterState } from '../../../cli/dashboard/view-model/state/cluster-state.js';
import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';
import { aNode } from '../../../fixtures/cluster/build.js';
import { messagePair } from '../../helpers/fakes/message-pair.js';
import { until } from '../../helpers/until.js';

/** A manager that can be stopped; `opened` has its ends of the streams by name, newest last. */
class Manager {
  readonly opened = new Map<string, MessageStream[]>();
  isUp = true;

  readonly client: ControlClient = {
    cluster: 'test',
    call: () => Promise.reject(new Error('only streams are supported')),
    open: (name, _args, signal) => {
      if (!this.isUp) return Promise.reject(new Error('connection refused'));
      const [near, far] = messagePair();
      signal.addEventListener('abort', () => {
        near.close();
      });
      this.opened.set(name, [...(this.opened.get(name) ?? []), far]);
      return Promise.resolve(near);
    },
    close: () => undefined,
  };

  async send(name: string, message: object): Promise<void> {
    await this.opened.get(name)?.at(-1)?.send(JSON.stringify(message));
  }

  die(): void {
    this.isUp = false;
    for (const streams of this.opened.values()) for (const stream of streams) stream.close();
  }
}

const snapshot = (...names: readonly string[]) => ({
  kind: 'snapshot',
  services: [],
  tasks: [],
  nodes: names.map((name) => aNode(name)),
  networks: [],
  volumes: [],
});

test('the feed keeps the last state of a lost manager and reconnects', async (t) => {
  const manager = new Manager();
  const world = new ClusterState('test');
  const ending = new AbortController();
  t.teardown(() => {
    ending.abort();
  });
  const now = () => Date.now();
  const { client } = manager;
  const following = runFeed({
    client,
    world,
    now,
    changed: () => undefined,
    signal: ending.signal,
  });
  const isOpen = (name: string, times: number) => () =>
    (manager.opened.get(name)?.length ?? 0) >= times;
  await until('three streams', 5_000, () =>
    ['watch', 'stats', 'events'].every((name) => isOpen(name, 1)()),
  );
  await manager.send('watch', snapshot('n1', 'n2'));
  await until('the connection is live', 5_000, () => world.connection.state === 'live');
  manager.die();
  await until('the connection is lost', 5_000, () => world.connection.state === 'lost');
  t.is(world.nodes.size, 2);
  manager.isUp = true;
  await until('the feed reconnects', 20_000, isOpen('watch', 2));
  await manager.send('watch', snapshot('n3'));
  await until('the connection is live again', 5_000, () => world.connection.state === 'live');
  t.deepEqual([...world.nodes.keys()], ['n3']);
  // A single stream of each kind is open at a time.
  t.is(manager.opened.get('watch')?.length, 2);
  ending.abort();
  await following;
});
