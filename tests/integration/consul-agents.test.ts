import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { consulOrder, createConsulAuthority } from '../../cli/certificates/consul-authority.js';
import type { ConsulTrust } from '../../cli/inventory/cluster-record.js';
import { certificatePaths, remotePaths } from '../../cli/inventory/remote-paths.js';
import type { ConsulAgent } from '../../cli/provision/consul-agent.js';
import { consulSettings } from '../../cli/provision/consul-agent.js';
import { newConsulSecrets } from '../../cli/provision/consul-files.js';
import { findConsul } from '../../fixtures/consul/program.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import { createPrivateKey, createRequest, signRequest } from '../../manager/common/pki/pki.js';
import type { KeyPair } from '../../manager/common/pki/pki.js';
import { createTestPki } from '../helpers/pki/pki.js';

/*
 * Three real Consul agents with the settings that provisioning writes, each on a loopback address
 * of its own. A worker's key attacks their RPC port.
 */

const program = await findConsul();
const agentTest = 'path' in program ? test.serial : test.serial.skip;

const addresses = ['127.0.77.1', '127.0.77.2', '127.0.77.3'];
const [first = ''] = addresses;
const pki = await createTestPki('c1');
const secrets = await newConsulSecrets('prod');
const authority: KeyPair = { cert: secrets.agentCa, key: secrets.agentCaKey };

async function agentPair(of: KeyPair, isServer: boolean): Promise<KeyPair> {
  const key = await createPrivateKey();
  const request = await createRequest(key, 'agent');
  const order = consulOrder({ machine: 'm1', clusterId: 'c1', isServer }, new Date());
  return { key, cert: await signRequest(of, { request, ...order }) };
}

/** A certificate as earlier versions gave it to workers on machines with an agent. */
async function workerServer(): Promise<KeyPair> {
  const key = await createPrivateKey();
  const cert = await signRequest(pki.authority, {
    request: await createRequest(key, 'w1'),
    subject: { commonName: 'w1', organizationalUnit: 'worker', organization: 'c1' },
    alternativeNames: [],
    usage: 'peer',
    validity: {
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + 86_400_000),
    },
  });
  return { key, cert: cert + pki.authority.cert };
}

/** Agents of one cluster in a temporary folder; every path of the settings leads there. */
class Agents {
  readonly #folder: string;
  readonly #program: string;
  readonly #children: ChildProcess[] = [];
  output = '';

  private constructor(folder: string, program: string) {
    this.#folder = folder;
    this.#program = program;
  }

  static async start(t: ExecutionContext, trust: ConsulTrust | 'old'): Promise<Agents> {
    if (!('path' in program)) throw new Error(program.missing);
    const folder = await mkdtemp(join(tmpdir(), 'shoal-agents-'));
    const agents = new Agents(folder, program.path);
    t.teardown(() => agents.stop());
    const [worker, own] = await Promise.all([workerServer(), agentPair(authority, true)]);
    for (const [at] of addresses.entries()) {
      await agents.write(at, certificatePaths.worker.cert, worker.cert);
      await agents.write(at, certificatePaths.worker.key, worker.key);
      await agents.write(at, certificatePaths.consul.cert, own.cert);
      await agents.write(at, certificatePaths.consul.key, own.key);
      await agents.configure(at, trust);
      agents.#spawn(at);
    }
    await agents.ready();
    return agents;
  }

  async write(at: number, path: string, text: string): Promise<void> {
    await writeFile(this.#path(at, path), text, { mode: 0o600 });
  }

  /** `old`: the settings of earlier versions, which trust the user's CA. */
  async configure(at: number, trust: ConsulTrust | 'old'): Promise<void> {
    const address = addresses[at] ?? '';
    const agent: ConsulAgent = {
      name: `m${String(at)}`,
      address,
      isServer: true,
      bootstrapExpect: addresses.length,
      join: addresses.filter((other) => other !== address),
      gossipKey: secrets.gossipKey,
      ca: secrets.agentCa,
      token: secrets.token,
    };
    const settings = JSON.parse(consulSettings(agent, trust === 'old' ? 'both' : trust)) as object;
    const ca = {
      old: pki.ca,
      both: secrets.agentCa + pki.ca,
      certificates: secrets.agentCa + pki.ca,
    };
    await this.write(at, remotePaths.consulAgentCa, trust === 'own' ? secrets.agentCa : ca[trust]);
    const moved = Object.fromEntries(
      Object.entries(settings).map(([name, value]: [string, unknown]) =>
        name.endsWith('_file') ? [name, this.#path(at, String(value))] : [name, value],
      ),
    );
    const config = { ...moved, data_dir: this.#path(at, 'data'), client_addr: address };
    await this.write(at, remotePaths.consulSettings, JSON.stringify(config));
  }

  /** An agent without the gossip key that joins the first one. */
  async startStranger(address: string): Promise<void> {
    const config = {
      node_name: 'stranger',
      data_dir: this.#path(9, 'data'),
      bind_addr: address,
      client_addr: address,
      retry_join: [first],
      ports: { http: -1, dns: -1, serf_wan: -1 },
    };
    await this.write(9, remotePaths.consulSettings, JSON.stringify(config));
    this.#spawn(9);
  }

  reload(at: number): void {
    this.#children[at]?.kill('SIGHUP');
  }

  async restart(at: number): Promise<void> {
    await this.#end(at);
    this.#spawn(at);
  }

  /** Waits until every agent reaches a leader. */
  async ready(): Promise<void> {
    for (const [at] of addresses.entries()) {
      await waitFor(`agent ${String(at)}`, async () => this.put(at), { timeoutMs: 40_000 });
    }
  }

  /** Writes a key through an agent. */
  async put(at: number): Promise<boolean> {
    const answer = await fetch(`http://${addresses[at] ?? ''}:8500/v1/kv/x`, {
      method: 'PUT',
      body: 'x',
      headers: { 'x-consul-token': secrets.token },
      signal: AbortSignal.timeout(5_000),
    });
    return answer.ok;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((_, at) => this.#end(at)));
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(at: number): Promise<void> {
    const child = this.#children[at];
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  }

  #path(at: number, path: string): string {
    return join(this.#folder, `${String(at)}-${path.replaceAll('/', '_')}`);
  }

  #spawn(at: number): void {
    const config = `-config-file=${this.#path(at, remotePaths.consulSettings)}`;
    const argv = ['--pdeathsig', 'KILL', this.#program, 'agent', '-config-format=json', config];
    const child = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.#children[at] = child;
  }
}

/** First byte of a connection to 8300: TLS follows; then Raft follows. */
const rpcTls = 0x03;
const rpcRaft = 0x01;

/** Raft's RequestVote of term 0, in MessagePack: it changes nothing and is always answered. */
const requestVote = Buffer.concat([
  Buffer.from([0x01, 0x87]),
  ...(
    [
      ['ProtocolVersion', Buffer.from([0x03])],
      ['Term', Buffer.from([0x00])],
      ['Candidate', Buffer.from([0xa0])],
      ['LastLogIndex', Buffer.from([0x00])],
      ['LastLogTerm', Buffer.from([0x00])],
      ['LeadershipTransfer', Buffer.from([0xc2])],
      ['X', Buffer.from([0x00])],
    ] as const
  ).flatMap(([name, value]) => [Buffer.from([0xa0 + name.length]), Buffer.from(name), value]),
]);

/** Sends RequestVote with a certificate; resolves with Raft's answer or why there is none. */
async function speakRaft(
  address: string,
  pair: KeyPair | undefined,
): Promise<'answer' | 'refused'> {
  const plain: Socket = connect(8300, address);
  await once(plain, 'connect');
  plain.write(Buffer.from([rpcTls]));
  const socket = tls.connect({ socket: plain, ...pair, rejectUnauthorized: false });
  return new Promise((resolve) => {
    const refused = (): void => {
      resolve('refused');
    };
    socket.once('error', refused);
    socket.once('close', refused);
    socket.setTimeout(10_000, refused);
    socket.once('secureConnect', () => {
      socket.write(Buffer.concat([Buffer.from([rpcRaft]), requestVote]));
    });
    socket.once('data', () => {
      resolve('answer');
    });
  }).finally(() => {
    plain.destroy();
  }) as Promise<'answer' | 'refused'>;
}

agentTest('agents upgrade in place, after which a stolen worker key is refused', async (t) => {
  const agents = await Agents.start(t, 'old');
  const stolen = await workerServer();
  const plainWorker = await pki.node('worker', 'w2');
  t.is(await speakRaft(first, stolen), 'answer', 'the attack works on agents of the old settings');
  t.is(await speakRaft(first, plainWorker), 'answer');
  for (const trust of ['both', 'certificates'] as const) {
    for (const [at] of addresses.entries()) {
      await agents.configure(at, trust);
      agents.reload(at);
      await agents.ready();
    }
  }
  for (const [at] of addresses.entries()) {
    await agents.configure(at, 'own');
    await agents.restart(at);
    await agents.ready();
  }
  for (const address of addresses) {
    t.is(await speakRaft(address, stolen), 'refused');
    t.is(await speakRaft(address, plainWorker), 'refused');
    t.is(await speakRaft(address, undefined), 'refused');
    t.is(await speakRaft(address, await agentPair(authority, true)), 'answer');
  }
});

agentTest('new agents refuse workers, strangers and users, also without TLS', async (t) => {
  await Agents.start(t, 'own');
  const other = await createConsulAuthority('other', new Date());
  t.is(await speakRaft(first, await pki.node('worker', 'w1')), 'refused');
  t.is(await speakRaft(first, await pki.node('manager', 'm1')), 'refused');
  t.is(await speakRaft(first, await pki.client('ada')), 'refused');
  t.is(await speakRaft(first, await agentPair(other, true)), 'refused');
  t.is(await speakRaft(first, await agentPair(authority, true)), 'answer');
  const socket = connect(8300, first);
  socket.end(Buffer.concat([Buffer.from([rpcRaft]), requestVote]));
  const answers: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => answers.push(chunk));
  await once(socket, 'close');
  t.is(Buffer.concat(answers).length, 0);
});

agentTest('gossip takes nobody without the gossip key', async (t) => {
  const agents = await Agents.start(t, 'own');
  await agents.startStranger('127.0.77.9');
  await waitFor('the refusal', () => agents.output.includes('remote state is not encrypted'), {
    timeoutMs: 20_000,
  });
  const answer = await fetch(`http://${first}:8500/v1/agent/members`, {
    headers: { 'x-consul-token': secrets.token },
  });
  t.false((await answer.text()).includes('stranger'));
});
