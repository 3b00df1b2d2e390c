import { execFile } from 'node:child_process';
import { access, readFile, realpath, rm } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { promisify } from 'node:util';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { TokenText } from '../../manager/common/pki/join-token.js';
import { fingerprintOf, parseToken } from '../../manager/common/pki/join-token.js';
import { replaceFile, replacePair } from '../../manager/common/pki/pki-files.js';
import { createPrivateKey, createRequest, peerIdentity } from '../../manager/common/pki/pki.js';
import { isolationRules } from '../../manager/common/model/isolation.js';
import { paths } from '../../manager/common/protocol/messages.js';
import type {
  AuthorityAnswer,
  JoinAnswer,
  JoinRequest,
} from '../../manager/common/protocol/security.js';
import { HttpCaller } from '../../manager/common/protocol/transport-call.js';
import { dialError } from '../../manager/common/protocol/transport.js';
import { certificatePaths, managerPort, remote } from '../inventory/layout.js';
import { bracketed, checkMachineName } from '../inventory/record.js';
import { workerSettings } from '../provision/settings-files.js';
import { isolateUnit, workerUnitFor } from '../provision/units.js';

export interface JoinOrder {
  readonly token: string;
  /** `HOST` or `HOST:PORT` of a manager. */
  readonly address: string;
  readonly name: string;
  /** Undefined is the address that leads to the manager. */
  readonly advertise: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly force: boolean;
}

const run = promisify(execFile);
const socketPath = '/var/run/docker.sock';
const maxAnswerBytes = 65_536;
const timeoutMs = 15_000;

/**
 * Makes the machine it runs on a worker: checks by the token that the manager is the right one, makes a key
 * here, has its request signed, writes what a provisioned machine has, and starts the worker.
 */
export async function joinCluster(order: JoinOrder, say: (line: string) => void): Promise<void> {
  const token = parseToken(order.token);
  checkMachineName(order.name);
  await checkEngineThere();
  await checkNoMember(order.force);
  const address = withPort(order.address);
  const { ca, localAddress } = await authorityOf(address, token);
  const advertise = order.advertise ?? localAddress;
  const key = await createPrivateKey();
  const request = await createRequest(key, order.name);
  const joined = await ask(address, ca, {
    tokenId: token.id,
    secret: token.secret,
    request,
    name: order.name,
    alternativeNames: [...new Set([advertise, order.name, 'localhost', '127.0.0.1'])],
  });
  await write({ order, address, advertise, ca, key, joined });
  say(`${order.name} is node ${joined.nodeId} of cluster ${joined.clusterName}`);
  say(await start());
}

function withPort(address: string): string {
  if (/^\[[0-9a-fA-F:.]+\]:\d+$|^[^:]+:\d+$/u.test(address)) return address;
  return `${bracketed(address)}:${managerPort}`;
}

async function checkEngineThere(): Promise<void> {
  await access(socketPath).catch((error: unknown) => {
    throw new AppError(
      'unavailable',
      `no Docker Engine here (${messageOf(error)}): install and start it first`,
      { cause: error },
    );
  });
}

async function checkNoMember(force: boolean): Promise<void> {
  const text = await readFile(remote.workerSettings, 'utf8').catch(() => undefined);
  if (text === undefined || force) return;
  throw new AppError(
    'conflict',
    `this machine is a node already (${remote.workerSettings}): "shoal worker --purge" removes what that left, --force joins all the same`,
  );
}

/** What a manager says its authority is, believed only when it is the one that the token names. */
async function authorityOf(
  address: string,
  token: TokenText,
): Promise<{ readonly ca: string; readonly localAddress: string }> {
  const { text, localAddress } = await getUnverified(address, paths.authority);
  const ca = readAuthority(address, text);
  if (fingerprintOf(ca) === token.fingerprint) return { ca, localAddress };
  throw new AppError(
    'forbidden',
    `the manager at ${address} is not the one that the token is for: its authority is another`,
  );
}

function readAuthority(address: string, text: string): string {
  try {
    const { ca } = JSON.parse(text) as AuthorityAnswer;
    fingerprintOf(ca);
    return ca;
  } catch (error) {
    throw new AppError('invalid', `${address} is no manager: it does not tell its authority`, {
      cause: error,
    });
  }
}

/** Nothing secret is sent, and nothing is believed of what comes but what the token vouches for. */
function getUnverified(
  address: string,
  path: string,
): Promise<{ readonly text: string; readonly localAddress: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      `https://${address}${path}`,
      {
        rejectUnauthorized: false,
        minVersion: 'TLSv1.3',
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
      },
      (response) => {
        const localAddress = response.socket.localAddress ?? '127.0.0.1';
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          if (text.length > maxAnswerBytes) outgoing.destroy(new Error('too long an answer'));
        });
        response.once('end', () => {
          resolve({ text, localAddress: localAddress.replace(/^::ffff:/u, '') });
        });
      },
    );
    outgoing.once('error', (error) => {
      reject(dialError(address, error));
    });
    outgoing.end();
  });
}

async function ask(address: string, ca: string, body: JoinRequest): Promise<JoinAnswer> {
  const caller = new HttpCaller({
    address,
    tls: { ca, cert: '', key: '' },
    verifyPeer: (certificate) => {
      if (peerIdentity(certificate).role === 'manager') return;
      throw new AppError('forbidden', `${address} is no manager`);
    },
  });
  try {
    return (await caller.call({ path: paths.join, body, timeoutMs })) as JoinAnswer;
  } finally {
    caller.close();
  }
}

interface Joined {
  readonly order: JoinOrder;
  readonly address: string;
  readonly advertise: string;
  readonly ca: string;
  readonly key: string;
  readonly joined: JoinAnswer;
}

async function write({ order, address, advertise, ca, key, joined }: Joined): Promise<void> {
  const { clusterId, clusterName, nodeId, chain } = joined;
  const managers = [...new Set([...joined.managers, address])];
  const machine = { name: order.name, address: advertise, labels: order.labels };
  const membership = {
    ...{ clusterId, clusterName, nodeId, managers },
    role: 'worker',
    strategy: '',
  } as const;
  await replaceFile(remote.ca, ca, 0o644);
  await replacePair(certificatePaths.worker, { cert: chain, key });
  // What another cluster told of its managers means nothing here.
  await rm(`${remote.data}/worker/refused-authorities.json`, { force: true });
  await replaceFile(remote.workerSettings, workerSettings(machine, membership), 0o600);
}

/** Where there is systemd the worker is a service of it; returns what to tell. */
async function start(): Promise<string> {
  const program = { node: process.execPath, main: await realpath(process.argv[1] ?? '') };
  const command = [program.node, program.main, 'worker', '--config', remote.workerSettings];
  const hasSystemd = await access('/run/systemd/system').then(
    () => true,
    () => false,
  );
  if (!hasSystemd) return `there is no systemd here: start it with ${command.join(' ')}`;
  await replaceFile(remote.isolateRules, isolationRules(), 0o644);
  await replaceFile(remote.isolateUnit, isolateUnit, 0o644);
  await replaceFile(remote.workerUnit, workerUnitFor(program), 0o644);
  await systemctl('daemon-reload');
  await systemctl('enable', 'shoal-worker.service', 'shoal-isolate.service');
  await systemctl('restart', 'shoal-worker.service');
  return 'its worker runs: "journalctl -u shoal-worker" shows what it does';
}

async function systemctl(...args: readonly string[]): Promise<void> {
  try {
    await run('systemctl', [...args], { timeout: 60_000 });
  } catch (error) {
    throw new AppError('unavailable', `systemctl ${args.join(' ')} failed: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
