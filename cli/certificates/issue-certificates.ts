import type { Decoder } from '../../manager/common/base/decode.js';
import { array, decodeJson, nonEmptyString, object } from '../../manager/common/base/decode.js';
import type { PkiAnswer, PkiOrder } from '../../manager/common/pki/pki-main.js';
import type { KeyPair, SigningParameters, CertificateUsage } from '../../manager/common/pki/pki.js';
import { clusterAuthoritySubject, signRequest, validityFor } from '../../manager/common/pki/pki.js';
import { AppError } from '../../manager/common/base/errors.js';
import { packTar } from '../bundle/archive.js';
import type { UserAuthority } from './authority.js';
import { certificateDays, clusterAuthorityDays, nodeCertificateDays } from './lifetimes.js';
import { consulOrder } from './consul-authority.js';
import type { CertificateName } from '../inventory/remote-paths.js';
import { certificatePaths, remotePaths } from '../inventory/remote-paths.js';
import type { CertificateHolder } from './desired-certificates.js';
import { alternativeNames } from './desired-certificates.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import { writeFiles } from '../ssh/remote-scripts.js';

export type NodeCsr = Extract<PkiOrder, { op: 'sign' }>['nodes'][number];

/** Signs worker and manager CSRs with the cluster's intermediate CA; PEM chains in input order. */
export type SignNodes = (nodes: readonly NodeCsr[]) => Promise<readonly string[]>;

const pkiAnswer: Decoder<PkiAnswer> = object({ pems: array(nonEmptyString) });

/** Runs pki-main.js on a machine. `what` completes "cannot …". */
async function askPki(machine: RemoteMachine, what: string, order: PkiOrder): Promise<PkiAnswer> {
  const { stdout } = await machine.run(what, [remotePaths.node, remotePaths.pkiMain], {
    stdin: JSON.stringify(order),
  });
  return decodeJson(
    stdout,
    pkiAnswer,
    `${machine.name}: cannot ${what}: answer of ${remotePaths.pkiMain}`,
    `run "shoal machine provision ${machine.name}" again`,
  );
}

/** Signs node CSRs on a machine that holds the cluster's intermediate CA. */
export async function signOnManager(
  manager: RemoteMachine,
  nodes: readonly NodeCsr[],
): Promise<readonly string[]> {
  const { cert: certPath, key: keyPath } = certificatePaths.intermediate;
  const order: PkiOrder = { op: 'sign', authority: { certPath, keyPath }, nodes };
  return (await askPki(manager, 'sign certificates of nodes', order)).pems;
}

/** How a CA on this computer signs a certificate. */
function localOrder(
  name: 'engine' | 'intermediate' | 'consul',
  want: CertificateHolder,
  now: Date,
): Omit<SigningParameters, 'request'> {
  if (name !== 'consul') return userOrder(name, want, now);
  const { clusterId = '', consulAgent } = want.membership ?? {};
  const isServer = consulAgent?.isServer === true;
  const agent = { machine: want.record.Name, clusterId, isServer };
  return consulOrder(agent, now);
}

function userOrder(
  name: 'engine' | 'intermediate',
  want: CertificateHolder,
  now: Date,
): Omit<SigningParameters, 'request'> {
  const { record, membership, user } = want;
  const usage: Record<typeof name, CertificateUsage> = {
    engine: 'server',
    intermediate: 'cluster-authority',
  };
  const clusterId = membership?.clusterId ?? '';
  const subjects = {
    engine: {
      commonName: record.Name,
      organizationalUnit: 'engine',
      organization: `${user}.${record.Name}`,
    },
    intermediate: clusterAuthoritySubject(clusterId),
  };
  return {
    subject: subjects[name],
    alternativeNames: name === 'engine' ? alternativeNames(record) : [],
    usage: usage[name],
    validity: validityFor(now, name === 'intermediate' ? clusterAuthorityDays : certificateDays),
  };
}

/** The manager needs the intermediate CA's certificate before it can sign the first node. */
async function placeIntermediate(machine: RemoteMachine, pem: string): Promise<void> {
  const path = certificatePaths.intermediate.cert.slice(1);
  await machine.script("write the cluster's intermediate CA", writeFiles, [], {
    stdin: await packTar([{ path, mode: 0o644, content: pem }]),
  });
}

/**
 * Issues certificates for a machine. Private keys are generated on the machine and never leave it;
 * the user's CA signs engine certificates and the cluster's intermediate CA, which signs nodes;
 * the CA of the Consul agents signs those.
 * Returns PEM texts by name.
 */
export async function issueCertificates(input: {
  readonly machine: RemoteMachine;
  readonly want: CertificateHolder;
  readonly names: readonly CertificateName[];
  readonly authority: UserAuthority;
  /** The CA of the cluster's Consul agents. */
  readonly consulAuthority?: KeyPair | undefined;
  readonly signNodes: SignNodes;
  readonly now: Date;
}): Promise<ReadonlyMap<CertificateName, string>> {
  const { machine, want, names, now } = input;
  const issued = new Map<CertificateName, string>();
  if (names.length === 0) return issued;
  const keys = names.map((name) => ({
    keyPath: certificatePaths[name].key,
    commonName: want.record.Name,
  }));
  const { pems } = await askPki(machine, 'make private keys', { op: 'requests', keys });
  const nodes: { name: CertificateName; order: NodeCsr }[] = [];
  for (const [index, name] of names.entries()) {
    const request = pems[index] ?? '';
    if (name === 'worker' || name === 'manager') {
      nodes.push({ name, order: nodeOrder(want, name, request) });
    } else {
      const order = localOrder(name, want, now);
      const authority = name === 'consul' ? input.consulAuthority : await input.authority.unlock();
      if (authority === undefined) {
        throw new AppError('internal', `${machine.name}: no CA to sign its ${name} certificate`);
      }
      issued.set(name, await signRequest(authority, { request, ...order }));
    }
  }
  const intermediate = issued.get('intermediate');
  if (intermediate !== undefined) await placeIntermediate(machine, intermediate);
  if (nodes.length === 0) return issued;
  const chains = await input.signNodes(nodes.map(({ order }) => order));
  for (const [index, { name }] of nodes.entries()) {
    const chain = chains[index];
    if (chain !== undefined) issued.set(name, chain);
  }
  return issued;
}

function nodeOrder(want: CertificateHolder, role: 'worker' | 'manager', request: string): NodeCsr {
  const { nodeId = '', clusterId = '' } = want.membership ?? {};
  return {
    request,
    identity: { clusterId, role, nodeId },
    alternativeNames: role === 'manager' ? alternativeNames(want.record) : [],
    days: nodeCertificateDays,
  };
}
