import { waitFor } from '../../../fixtures/lab/wait.js';
import type { E2eCluster } from './e2e-cluster.js';

async function get(url: string): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.json();
}

/** The example application on lab machines, used through its front ends. */
export class TodoApp {
  readonly #cluster: E2eCluster;

  constructor(cluster: E2eCluster) {
    this.#cluster = cluster;
  }

  /** Everything of ours on the machines, as one text. */
  async traces(): Promise<string> {
    const script = [
      'docker ps -a --format "container {{.Names}}"',
      'docker network ls --format "network {{.Name}}"',
      'docker volume ls --format "volume {{.Name}}"',
      'ip -o link show | cut -d: -f2 | grep -E " (sh|shvx)[0-9]" | sed "s/^/link/"',
      'bridge fdb show | grep -E "dev shvx" | sed "s/^/fdb /"',
      'nft list tables | grep -E " shoal"',
      'true',
    ].join('\n');
    const seen = await this.#cluster.outputOnAll(['sh', '-c', script]);
    return [...seen].map(([name, text]) => `${name}\n${text}`).join('');
  }

  /** Base URL of the front end with that index. */
  async front(index: number): Promise<string> {
    return `http://${(await this.#cluster.output(['port', '--index', String(index), 'todoApp', '3000'])).trim()}`;
  }

  /** Waits until a front end lists an item, which it reads from the lagging replica. */
  async waitForItem(index: number, item: string): Promise<void> {
    await waitFor(`front end ${index} to show ${item}`, async () => {
      const list = await get(`${await this.front(index)}/read/todo`);
      return Array.isArray(list) && list.includes(item);
    });
  }

  async insert(index: number, item: string): Promise<void> {
    await waitFor(`front end ${index} to take ${item}`, async () => {
      await get(`${await this.front(index)}/insert/todo/${item}`);
      return true;
    });
  }

  /** `name@node` of every running container, sorted. */
  async placed(): Promise<readonly string[]> {
    const rows = await this.#cluster.ps();
    return rows
      .filter(({ State }) => State === 'running')
      .map(({ Name, Node }) => `${Name}@${Node}`)
      .sort();
  }
}
