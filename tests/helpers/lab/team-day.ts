import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import { waitFor } from '../../../fixtures/lab/wait.js';
import type { ProgramResult } from '../program/shoal-program.js';
import type { E2eCluster } from './e2e-cluster.js';
import { resultOf } from './e2e-cluster.js';

const passphrase = 'correct horse';
/** Prints the time in seconds, several times a second. */
const clock = 'sh -c "while true; do date +%s; sleep 0.2; done"';

interface ClusterFile {
  readonly managers: readonly object[];
}

/** The people of a team, each with a computer of its own. */
class Team {
  readonly #cluster: E2eCluster;

  constructor(cluster: E2eCluster) {
    this.#cluster = cluster;
  }

  homeOf(name: string): string {
    return join(this.#cluster.home, 'team', name);
  }

  /** Creates a client as the admin, and imports its file on its own computer. */
  async add(name: string, flags: readonly string[]): Promise<void> {
    const folder = join(this.#cluster.home, 'team');
    await mkdir(folder, { recursive: true });
    const secret = join(folder, 'passphrase');
    await writeFile(secret, `${passphrase}\n`, { mode: 0o600 });
    const file = join(folder, `${name}.shoal-client`);
    const withFile = ['--passphrase-file', secret];
    await this.#cluster.output(['client', 'create', name, ...flags, ...withFile, '-o', file]);
    await this.#cluster.output([
      ...['--storage-path', this.homeOf(name), 'cluster', 'import', file, ...withFile],
    ]);
  }

  /** Copies the computer of a client for each manager, which is the only one that the copy knows. */
  async onEachManager(name: string): Promise<readonly string[]> {
    const clusters = join(this.homeOf(name), 'clusters');
    const record = await readFile(join(clusters, 'default.json'), 'utf8');
    const parsed = JSON.parse(record) as ClusterFile;
    return Promise.all(
      parsed.managers.map(async (manager, index) => {
        const copy = `${name}-${index}`;
        const target = join(this.homeOf(copy), 'clusters');
        await mkdir(join(target, 'default'), { recursive: true });
        for (const file of ['ca.pem', 'cert.pem', 'key.pem']) {
          const content = await readFile(join(clusters, 'default', file));
          await writeFile(join(target, 'default', file), content, { mode: 0o600 });
        }
        const one = JSON.stringify({ ...parsed, managers: [manager] });
        await writeFile(join(target, 'default.json'), one);
        await writeFile(join(this.homeOf(copy), 'current'), 'default\n');
        return copy;
      }),
    );
  }

  start(name: string, argv: readonly string[], cwd: string): ChildProcess {
    return this.#cluster.start(['--storage-path', this.homeOf(name), ...argv], cwd);
  }

  run(name: string, argv: readonly string[], cwd: string): Promise<ProgramResult> {
    return resultOf(this.start(name, argv, cwd));
  }
}

/** A `logs -f`, with the newest time that it printed, in seconds. */
interface Follower {
  readonly newest: () => number;
  readonly closed: Promise<unknown>;
}

function follow(child: ChildProcess): Follower {
  let newest = 0;
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      newest = Math.max(newest, Number(/\d{10}/u.exec(line)?.[0] ?? 0));
    });
  }
  return { newest: () => newest, closed: once(child, 'close') };
}

function isRefused(t: ExecutionContext, result: ProgramResult, reason: RegExp): void {
  t.is(result.code, 1, result.stdout);
  t.regex(result.stderr, reason);
  t.is(result.stderr.trim().split('\n').length, 1, result.stderr);
}

/** A small team's day: roles bind, and a stolen client is of no use once an admin removes it. */
export async function checkTeamDay(t: ExecutionContext, cluster: E2eCluster): Promise<void> {
  const team = new Team(cluster);
  const compose = (name: string): string =>
    `name: ${name}\nservices: {web: {image: shoal-test/busybox, init: true, command: '${clock}'}}\n`;
  const shop = await cluster.project('shop', compose('shop'));
  const blog = await cluster.project('blog', compose('blog'));
  await team.add('ci', ['--role', 'deploy', '--project', 'shop']);
  await team.add('viewer', ['--role', 'read']);

  const up = await team.run('ci', ['up', '-d', '--wait'], shop);
  t.is(up.code, 0, up.stderr);
  isRefused(t, await team.run('ci', ['up', '-d'], blog), /client ci is limited to project shop/u);
  const seen = await team.run('viewer', ['ps', '--format', '{{.Service}} {{.State}}'], shop);
  t.is(seen.stdout, 'web running\n', seen.stderr);
  isRefused(t, await team.run('viewer', ['exec', '-T', 'web', 'id'], shop), /client viewer/u);

  const copies = await team.onEachManager('ci');
  const followers = copies.map((name) => follow(team.start(name, ['logs', '-f'], shop)));
  await waitFor('the log through every manager', () =>
    Promise.resolve(followers.every(({ newest }) => newest() > 0)),
  );
  await cluster.output(['client', 'rm', '--keep-engine-ca', 'ci']);
  const removedAt = Math.ceil(Date.now() / 1000);
  await Promise.all(followers.map(({ closed }) => closed));
  const late = followers.map(({ newest }) => newest() - removedAt).filter((lag) => lag > 1);
  t.deepEqual(late, [], 'no line is later than a second after the removal');
  for (const name of copies) {
    isRefused(t, await team.run(name, ['ps'], shop), /client ci/u);
  }
  t.is((await cluster.ps([], shop))[0]?.State, 'running');

  t.is((await cluster.run(['down'], shop)).code, 0);
  t.is((await cluster.run(['client', 'rm', '--keep-engine-ca', 'viewer'])).code, 0);
}
