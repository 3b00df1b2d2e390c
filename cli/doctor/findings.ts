import { outdatedRuntime } from '../inventory/node-releases.js';
import { binaryBytes } from '../output/quantity.js';
import type { OverlayPair } from './overlay-pairs.js';
import type { DoctorFacts } from './probe.js';

export interface Finding {
  readonly level: 'error' | 'warning';
  readonly machine: string;
  readonly problem: string;
  readonly remedy: string;
}

export interface ProbedMachine {
  readonly name: string;
  readonly address: string;
  /** Undefined if the probe failed; `failure` has the reason. */
  readonly facts: DoctorFacts | undefined;
  readonly failure?: string;
  /** Whether the engine's port accepts connections from this computer; undefined if not tried. */
  readonly enginePort?: { readonly port: number; readonly open: boolean } | undefined;
  /** Id of the CA that the engine should trust for clients of its port. */
  readonly engineAnchor?: string;
  /** Local time of the probe, ms since the epoch. */
  readonly askedAtMs?: number;
  /** Networks that the machine's engine refuses to remove, with the problem and its remedy. */
  readonly stuckNetworks?: readonly { readonly name: string; readonly problem: string }[];
  /** Pairs whose first container runs on this machine. */
  readonly pairs?: readonly OverlayPair[];
}

/** Certificates and logs tolerate somewhat more skew than the warning threshold. */
const skewWarningMs = 2_000;
const skewErrorMs = 30_000;
const minFreeBytes = 2 * 2 ** 30;
const minFreeShare = 0.05;
const oldestEngine = [20, 10] as const;

/** A check of the whole cluster whose observation failed. */
export interface FailedCheck {
  /** `overlay paths`, in messages. */
  readonly what: string;
  readonly reason: string;
}

/** Diagnoses the machines and the network between them; errors first, then warnings. Pure. */
export function diagnose(
  machines: readonly ProbedMachine[],
  failed: readonly FailedCheck[] = [],
): readonly Finding[] {
  const names = new Map(machines.map(({ address, name }) => [address, name]));
  const all = machines.flatMap((machine) => machineFindings(machine, names));
  return [
    ...all.filter(({ level }) => level === 'error'),
    ...all.filter(({ level }) => level === 'warning'),
    ...failed.map(notChecked),
  ];
}

function notChecked({ what, reason }: FailedCheck): Finding {
  return {
    level: 'warning',
    machine: 'cluster',
    problem: `${what} could not be checked: ${reason}`,
    remedy: 'make a manager answer ("shoal manager ls") and run "shoal doctor" again',
  };
}

type Report = (level: Finding['level'], problem: string, remedy: string) => Finding;

function machineFindings(
  machine: ProbedMachine,
  names: ReadonlyMap<string, string>,
): readonly Finding[] {
  const { name, facts, failure, enginePort, pairs = [], stuckNetworks = [], askedAtMs } = machine;
  const report: Report = (level, problem, remedy) => ({ level, machine: name, problem, remedy });
  if (facts === undefined) {
    return [
      report('error', `unreachable: ${failure ?? 'no answer'}`, `try "shoal machine ssh ${name}"`),
    ];
  }
  return [
    ...clockFindings(facts, report),
    ...engineFindings(facts, name, report),
    ...portFindings(enginePort, name, report),
    ...anchorFindings(facts, machine, report),
    ...unitFindings(facts, name, report),
    ...runtimeFindings(facts, askedAtMs, report),
    ...certificateFindings(facts, { name, askedAtMs }, report),
    ...diskFindings(facts, report),
    ...networkFindings(facts, names, report),
    ...overlayFindings(facts, pairs, names, report),
    ...stuckNetworks.map((network) => stuckFinding(network, report)),
  ];
}

/** The problem ends with its remedy, after its last semicolon. */
function stuckFinding(
  { name, problem }: { readonly name: string; readonly problem: string },
  report: Report,
): Finding {
  const [, cause = problem, remedy = 'it is tried again'] = /^(.*); (.*)$/su.exec(problem) ?? [];
  return report('error', `network ${name} cannot be removed: ${cause}`, remedy);
}

function portFindings(
  enginePort: ProbedMachine['enginePort'],
  name: string,
  report: Report,
): readonly Finding[] {
  if (enginePort === undefined || enginePort.open) return [];
  const remedy = `open TCP ${enginePort.port} to this computer, or run "shoal machine provision ${name}"`;
  return [
    report('warning', `engine port ${enginePort.port} is unreachable from this computer`, remedy),
  ];
}

/** An engine of an earlier version, or one that was away when its CA was replaced. */
function anchorFindings(
  facts: DoctorFacts,
  { name, engineAnchor: wanted }: ProbedMachine,
  report: Report,
): readonly Finding[] {
  const { engineAnchor: seen } = facts;
  if (wanted === undefined || seen === undefined || seen === wanted) return [];
  const remedy = `"shoal machine provision ${name}" replaces it; containers keep running`;
  return [
    report('warning', 'the engine accepts certificates of an earlier CA for its port', remedy),
  ];
}

const holders: Readonly<Record<string, string>> = {
  'pki/worker': 'worker',
  'pki/manager': 'manager',
  'pki/intermediate': 'cluster CA',
  'engine/server': 'engine',
};

/**
 * Workers and managers renew at two thirds of the lifetime: less than a quarter left is a fault.
 */
function certificateFindings(
  { certificates }: DoctorFacts,
  { name, askedAtMs }: { readonly name: string; readonly askedAtMs: number | undefined },
  report: Report,
): readonly Finding[] {
  if (askedAtMs === undefined) return [];
  return certificates.flatMap((certificate) => {
    const { fromMs, toMs } = certificate;
    const holder = holders[certificate.name] ?? certificate.name;
    const remedy =
      certificate.name === 'pki/intermediate'
        ? '"shoal ca rotate" replaces it'
        : `"shoal machine provision ${name}" renews it`;
    const day = new Date(toMs).toISOString().slice(0, 16).replace('T', ' ');
    if (toMs <= askedAtMs) {
      return [report('error', `${holder} certificate expired on ${day}`, remedy)];
    }
    if (toMs - askedAtMs > (toMs - fromMs) / 4) return [];
    return [report('warning', `${holder} certificate expires on ${day}`, remedy)];
  });
}

/** A warning: an old runtime works, and a new one is the user's choice. */
function runtimeFindings(
  { node }: DoctorFacts,
  askedAtMs: number | undefined,
  report: Report,
): readonly Finding[] {
  if (node === undefined || askedAtMs === undefined) return [];
  const outdated = outdatedRuntime(node, askedAtMs);
  return outdated === undefined ? [] : [report('warning', outdated.problem, outdated.remedy)];
}

function unitFindings({ units }: DoctorFacts, name: string, report: Report): readonly Finding[] {
  return units
    .filter(({ state }) => state !== 'active')
    .map((unit) => {
      const remedy = `find the cause with "journalctl -u ${unit.name}" on it, then run "shoal machine provision ${name}"`;
      return report('error', `${unit.name} is ${unit.state}`, remedy);
    });
}

/** Failures between containers whose machines reach each other are faults of the VXLAN tunnel. */
function overlayFindings(
  { overlays, peers }: DoctorFacts,
  pairs: readonly OverlayPair[],
  names: ReadonlyMap<string, string>,
  report: Report,
): readonly Finding[] {
  const reached = new Set(
    peers
      .filter(({ roundTripMs, unknown }) => unknown || roundTripMs !== undefined)
      .map(({ address }) => names.get(address) ?? address),
  );
  return pairs.flatMap(({ to, address, network }) => {
    const path = overlays.find((overlay) => overlay.address === address);
    if (path === undefined || !reached.has(to)) return [];
    if (path.tcpLost) return [checksumFinding(to, peers, names, report)];
    if (path.roundTripMs !== undefined) return [];
    if (path.cut) {
      const remedy = `raise the MTU between the machines to ${path.mtu + 50} bytes, or lower the MTU of the network`;
      return [report('error', `container packets of ${path.mtu} bytes to ${to} are lost`, remedy)];
    }
    const remedy = 'allow UDP 4789 between the two machines in every firewall';
    return [
      report('error', `containers on network ${network} cannot reach ${to} (${address})`, remedy),
    ];
  });
}

/**
 * NICs and hypervisors that offload a wrong checksum inside the tunnel pass ICMP echoes but no TCP.
 */
function checksumFinding(
  to: string,
  peers: DoctorFacts['peers'],
  names: ReadonlyMap<string, string>,
  report: Report,
): Finding {
  const peer = peers.find(({ address }) => (names.get(address) ?? address) === to);
  const device = peer?.full?.device ?? 'DEVICE';
  const remedy = `disable checksum offload on both machines with "ethtool -K ${device} tx-checksum-ip-generic off"; if that does not help, look for a firewall that drops TCP inside the tunnel`;
  return report('error', `container TCP packets to ${to} are lost while pings arrive`, remedy);
}

function clockFindings(
  { skewMs, skewToleranceMs = 0 }: DoctorFacts,
  report: Report,
): readonly Finding[] {
  if (skewMs === undefined) return [];
  const leastMs = Math.abs(skewMs) - skewToleranceMs;
  if (leastMs < skewWarningMs) return [];
  const seconds = (Math.abs(skewMs) / 1000).toFixed(1);
  return [
    report(
      leastMs >= skewErrorMs ? 'error' : 'warning',
      `clock is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} this computer`,
      'enable time synchronization on it: "timedatectl set-ntp true"',
    ),
  ];
}

function engineFindings({ engine }: DoctorFacts, name: string, report: Report): readonly Finding[] {
  if (engine === '') {
    const remedy = `check "systemctl status docker" on it, then run "shoal machine provision ${name}"`;
    return [report('error', 'Docker Engine does not answer', remedy)];
  }
  const [major = 0, minor = 0] = engine.split('.').map(Number);
  const isOld = major < oldestEngine[0] || (major === oldestEngine[0] && minor < oldestEngine[1]);
  if (!isOld) return [];
  return [
    report(
      'error',
      `Docker Engine ${engine} is older than ${oldestEngine.join('.')}`,
      'upgrade Docker Engine',
    ),
  ];
}

function diskFindings({ disk, inodesPercent }: DoctorFacts, report: Report): readonly Finding[] {
  const remedy = 'remove unused images and containers: "docker system prune" on it';
  const found: Finding[] = [];
  if (
    disk !== undefined &&
    disk.freeBytes < Math.min(minFreeBytes, disk.totalBytes * minFreeShare * 4)
  ) {
    const isOut = disk.freeBytes < disk.totalBytes * 0.01;
    const left = `${binaryBytes(disk.freeBytes)} of ${binaryBytes(disk.totalBytes)}`;
    found.push(
      report(
        isOut ? 'error' : 'warning',
        `only ${left} of disk space are free for Docker Engine`,
        remedy,
      ),
    );
  }
  if (inodesPercent !== undefined && inodesPercent >= 95) {
    found.push(
      report('warning', `${inodesPercent}% of the inodes for Docker Engine are in use`, remedy),
    );
  }
  return found;
}

function networkFindings(
  { peers, ports, checksumErrors }: DoctorFacts,
  names: ReadonlyMap<string, string>,
  report: Report,
): readonly Finding[] {
  const found: Finding[] = [];
  for (const { address, roundTripMs, full, unknown } of peers) {
    const peer = names.get(address) ?? address;
    if (unknown) {
      found.push(
        report(
          'warning',
          `no ping command: network path to ${peer} not checked`,
          'install iputils-ping',
        ),
      );
    } else if (roundTripMs === undefined) {
      const remedy = `allow ICMP, UDP 4789 and TCP 7070 between it and ${address} in every firewall`;
      found.push(report('error', `cannot reach ${peer} (${address})`, remedy));
    } else if (full?.arrive === false) {
      const remedy = `the path MTU is below the MTU of ${full.device}: run "ip link set ${full.device} mtu 1400" on both ends, or allow ICMP "fragmentation needed"`;
      found.push(report('error', `packets of ${full.mtu} bytes to ${peer} are lost`, remedy));
    }
  }
  for (const { target, open } of ports) {
    if (open) continue;
    found.push(
      report(
        'error',
        `cannot reach the manager at ${target}`,
        'allow that TCP port in the firewall, or start the manager',
      ),
    );
  }
  if (checksumErrors > 0) {
    const remedy =
      'if the count grows, disable checksum offload: "ethtool -K DEVICE tx-checksum-ip-generic off"';
    found.push(
      report(
        'warning',
        `dropped ${checksumErrors} packets with a wrong checksum since boot`,
        remedy,
      ),
    );
  }
  return found;
}
