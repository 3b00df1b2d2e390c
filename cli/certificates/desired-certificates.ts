import { clusterAuthorityUnit } from '../../manager/common/pki/pki.js';
import { consulNames, consulRole } from './consul-authority.js';
import { formatSubject } from './certificate-facts.js';
import type { DesiredCertificate } from './certificate-plan.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { hasEnginePort } from '../inventory/machine-record.js';

/** The machine that certificates are issued to. */
export interface CertificateHolder {
  readonly record: MachineRecord;
  /** Undefined for a standalone engine outside any cluster. */
  readonly membership:
    | {
        readonly nodeId: string;
        readonly clusterId: string;
        readonly role: 'manager' | 'worker';
        /** The Consul agent of the machine, which has a certificate of its own. */
        readonly consulAgent?: { readonly isServer: boolean } | undefined;
      }
    | undefined;
  readonly user: string;
}

/** Subject alternative names of a machine's server certificates, without duplicates. */
export function alternativeNames(record: MachineRecord): readonly string[] {
  const names = [
    record.Driver.IPAddress,
    record.Name,
    'localhost',
    '127.0.0.1',
    ...record.HostOptions.AuthOptions.ServerCertSANs,
  ];
  return [...new Set(names)];
}

/** The certificates the machine needs for its role. */
export function desiredCertificates(holder: CertificateHolder): readonly DesiredCertificate[] {
  const { record, membership } = holder;
  const names = alternativeNames(record);
  const engine: readonly DesiredCertificate[] = hasEnginePort(record)
    ? [
        {
          name: 'engine',
          subject: formatSubject(record.Name, 'engine', `${holder.user}.${record.Name}`),
          alternativeNames: names,
        },
      ]
    : [];
  if (membership === undefined) return engine;
  const { nodeId, clusterId } = membership;
  const worker: DesiredCertificate = {
    name: 'worker',
    subject: formatSubject(nodeId, 'worker', clusterId),
    alternativeNames: [],
  };
  const consul = consulCertificate(record.Name, membership);
  if (membership.role === 'worker') return [...engine, worker, ...consul];
  return [
    ...engine,
    worker,
    ...consul,
    {
      name: 'intermediate',
      subject: formatSubject(`shoal ${clusterId}`, clusterAuthorityUnit, clusterId),
      alternativeNames: [],
    },
    {
      name: 'manager',
      subject: formatSubject(nodeId, 'manager', clusterId),
      alternativeNames: names,
    },
  ];
}

function consulCertificate(
  machine: string,
  { clusterId, consulAgent }: NonNullable<CertificateHolder['membership']>,
): readonly DesiredCertificate[] {
  if (consulAgent === undefined) return [];
  return [
    {
      name: 'consul',
      subject: formatSubject(machine, consulRole, clusterId),
      alternativeNames: consulNames(consulAgent.isServer),
    },
  ];
}
