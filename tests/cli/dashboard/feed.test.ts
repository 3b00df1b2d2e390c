import test from 'ava';
import type { ControlClient } from '../../../cli/client/client.js';
import { follow } from '../../../cli/dashboard/feed.js';
import { World } from '../../../cli/dashboard/view-model/state/world.js';
import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';
import { aNode } from '../../../fixtures/cluster/build.js';
import { messagePair } from '../../helpers/message-pair.js';
import { until } from '../../helpers/until.js';

/** A manager that can go away: its ends of the streams, by name, as often as each was opened. */
class Manager {
  readonly opened = new Map<string, MessageStream[]>();
  isThere = true;

  readonly client: ControlClient = {
    cluster: 'test',
    call: () => Promise.reject(new Error('only streams are asked for')),
    open: (name, _args, signal) => {
      if (!this.isThere) return Promise.reject(new Error('connection refused'));
      const [near, far] = messagePair();
      signal.addEventListener('abort', () => {
        near.close();
      });
      this.opened.set(name, [...(this.opened.get(name) ?? []), far]);
      return Promise.resolve(near);
    },
    close: () => undefined,
  };

  async tell(name: string, message: object): Promise<void> {
    await this.opened.get(name)?.at(-1)?.send(JSON.stringify(message));
  }

  die(): void {
    this.isThere = false;
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

test('a manager that goes is said, what it told last stays, and it is found again', async (t) => {
  const manager = new Manager();
  const world = new World('test');
  const ending = new AbortController();
  t.teardown(() => {
    ending.abort();
  });
  const now = () => Date.now();
  const { client } = manager;
  const following = follow({ client, world, now, changed: () => undefined, signal: ending.signal });
  const isOpen = (name: string, times: number) => () =>
    (manager.opened.get(name)?.length ?? 0) >= times;
  await until('three streams', 5_000, () =>
    ['watch', 'stats', 'events'].every((name) => isOpen(name, 1)()),
  );
  await manager.tell('watch', snapshot('n1', 'n2'));
  await until('it is live', 5_000, () => world.connection.state === 'live');
  manager.die();
  await until('its loss is told', 5_000, () => world.connection.state === 'lost');
  t.is(world.nodes.size, 2);
  manager.isThere = true;
  await until('it is asked again', 20_000, isOpen('watch', 2));
  await manager.tell('watch', snapshot('n3'));
  await until('it is live again', 5_000, () => world.connection.state === 'live');
  t.deepEqual([...world.nodes.keys()], ['n3']);
  // One stream of each kind at a time, however much is shown.
  t.is(manager.opened.get('watch')?.length, 2);
  ending.abort();
  await following;
});
