import { execFile } from 'node:child_process';
import { access, readFile, realpath, rm } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { promisify } from 'node:util';
import { decode, decodeJson } from '../../manager/common/base/decode.js';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { JoinTokenFields } from '../../manager/common/pki/join-token.js';
import { fingerprintOf, parseToken } from '../../manager/common/pki/join-token.js';
import { replaceFile, replaceKeyPair } from '../../manager/common/pki/pki-files.js';
import { createPrivateKey, createRequest, peerIdentity } from '../../manager/common/pki/pki.js';
import { isolationRules } from '../../manager/common/model/isolation.js';
import { apiPaths } from '../../manager/common/protocol/messages.js';
import type { JoinResponse, JoinRequest } from '../../manager/common/protocol/security.js';
import { authorityResponse, joinResponse } from '../../manager/common/protocol/security.js';
import { ManagerHttpClient } from '../../manager/common/protocol/transport-call.js';
import { dialError } from '../../manager/common/protocol/transport.js';
import { certificatePaths, managerPort, remotePaths } from '../inventory/remote-paths.js';
import { bracketIpv6, checkMachineName } from '../inventory/machine-record.js';
import { workerSettings } from '../provision/settings-files.js';
import { isolateUnit, workerUnitFor } from '../provision/units.js';

export interface WorkerJoinOptions {
  readonly token: string;
  /** `HOST` or `HOST:PORT` of a manager. */
  readonly address: string;
  readonly name: string;
  /** Undefined for the local address of the connection to the manager. */
  readonly advertise: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly force: boolean;
}

const run = promisify(execFile);
const socketPath = '/var/run/docker.sock';
const maxAnswerBytes = 65_536;
const timeoutMs = 15_000;

/**
 * Joins this machine to a cluster as a worker: verifies the manager's CA with the token, generates
 * a key locally, has its CSR signed, writes the same settings as provisioning, and starts the
 * worker. Throws `conflict` if this machine is a node already and `force` is not set, `forbidden`
 * for another CA.
 */
export async function joinCluster(
  order: WorkerJoinOptions,
  say: (line: string) => void,
): Promise<void> {
  const token = parseToken(order.token);
  checkMachineName(order.name);
  await checkEngineInstalled();
  await checkNotJoined(order.force);
  const address = withPort(order.address);
  const { ca, localAddress } = await fetchAuthority(address, token);
  const advertise = order.advertise ?? localAddress;
  const key = await createPrivateKey();
  const request = await createRequest(key, order.name);
  const joined = await requestJoin(address, ca, {
    tokenId: token.id,
    secret: token.secret,
    request,
    name: order.name,
  });
  await writeWorkerFiles({ order, address, advertise, ca, key, joined });
  say(`${order.name} is node ${joined.nodeId} of cluster ${joined.clusterName}`);
  say(await startWorker());
}

function withPort(address: string): string {
  if (/^\[[0-9a-fA-F:.]+\]:\d+$|^[^:]+:\d+$/u.test(address)) return address;
  return `${bracketIpv6(address)}:${managerPort}`;
}

async function checkEngineInstalled(): Promise<void> {
  await access(socketPath).catch((error: unknown) => {
    throw new AppError(
      'unavailable',
      `Docker Engine not found on this machine (${messageOf(error)}); install and start it first`,
      { cause: error },
    );
  });
}

async function checkNotJoined(force: boolean): Promise<void> {
  const text = await readFile(remotePaths.workerSettings, 'utf8').catch(() => undefined);
  if (text === undefined || force) return;
  throw new AppError(
    'conflict',
    `this machine is a node already (${remotePaths.workerSettings}); clean up with "shoal worker --purge", or join anyway with --force`,
  );
}

/** Fetches the manager's CA and verifies it against the fingerprint in the token. */
async function fetchAuthority(
  address: string,
  token: JoinTokenFields,
): Promise<{ readonly ca: string; readonly localAddress: string }> {
  const { text, localAddress } = await getUnverified(address, apiPaths.authority);
  const ca = readAuthority(address, text);
  if (fingerprintOf(ca) === token.fingerprint) return { ca, localAddress };
  throw new AppError(
    'forbidden',
    `the manager at ${address} has another CA than the join token; check the address and the token`,
  );
}

function readAuthority(address: string, text: string): string {
  try {
    const { ca } = decodeJson(text, authorityResponse, address);
    fingerprintOf(ca);
    return ca;
  } catch (error) {
    throw new AppError('invalid', `${address} is not a shoal manager: it did not return its CA`, {
      cause: error,
    });
  }
}

/** Skips TLS verification: no secret is sent, and the token's fingerprint verifies the response. */
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
          if (text.length > maxAnswerBytes) outgoing.destroy(new Error('response too large'));
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

async function requestJoin(address: string, ca: string, body: JoinRequest): Promise<JoinResponse> {
  const caller = new ManagerHttpClient({
    address,
    tls: { ca, cert: '', key: '' },
    verifyPeer: (certificate) => {
      if (peerIdentity(certificate).role === 'manager') return;
      throw new AppError('forbidden', `${address} is not a manager of the cluster`);
    },
  });
  try {
    const answer = await caller.call({ path: apiPaths.join, body, timeoutMs });
    return decode(
      answer,
      joinResponse,
      `answer of the manager at ${address}`,
      'install the same version of shoal here as on the manager',
    );
  } finally {
    caller.close();
  }
}

interface Joined {
  readonly order: WorkerJoinOptions;
  readonly address: string;
  readonly advertise: string;
  readonly ca: string;
  readonly key: string;
  readonly joined: JoinResponse;
}

async function writeWorkerFiles(input: Joined): Promise<void> {
  const { order, address, advertise, ca, key, joined } = input;
  const { clusterId, nodeId, chain } = joined;
  const managers = [...new Set([...joined.managers, address])];
  const machine = { name: order.name, address: advertise, labels: order.labels };
  const membership = { clusterId, nodeId, managers };
  await replaceFile(remotePaths.ca, ca, 0o644);
  await replaceKeyPair(certificatePaths.worker, { cert: chain, key });
  // Refused CAs of a former cluster do not apply to this one.
  await rm(`${remotePaths.data}/worker/refused-authorities.json`, { force: true });
  await replaceFile(remotePaths.workerSettings, workerSettings(machine, membership), 0o600);
}

/**
 * Installs and starts the worker as a systemd unit if systemd runs; returns a hint for the user.
 */
async function startWorker(): Promise<string> {
  const program = { node: process.execPath, main: await realpath(process.argv[1] ?? '') };
  const command = [program.node, program.main, 'worker', '--config', remotePaths.workerSettings];
  const hasSystemd = await access('/run/systemd/system').then(
    () => true,
    () => false,
  );
  if (!hasSystemd) return `systemd is not running; start the worker with ${command.join(' ')}`;
  await replaceFile(remotePaths.isolateRules, isolationRules(), 0o644);
  await replaceFile(remotePaths.isolateUnit, isolateUnit, 0o644);
  await replaceFile(remotePaths.workerUnit, workerUnitFor(program), 0o644);
  await systemctl('daemon-reload');
  await systemctl('enable', 'shoal-worker.service', 'shoal-isolate.service');
  await systemctl('restart', 'shoal-worker.service');
  return 'the worker is running; "journalctl -u shoal-worker" shows its log';
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
