import { binaryBytes } from '../output/quantity.js';
import type { OverlayPair } from './overlay-pairs.js';
import type { DoctorFacts } from './probe.js';

export interface Finding {
  readonly level: 'error' | 'warning';
  readonly machine: string;
  readonly problem: string;
  readonly remedy: string;
}

export interface Examined {
  readonly name: string;
  readonly address: string;
  /** Undefined when it could not be asked: `failure` says why. */
  readonly facts: DoctorFacts | undefined;
  readonly failure?: string;
  /** Whether its engine's port answers here; undefined when that was not asked. */
  readonly enginePort?: { readonly port: number; readonly open: boolean };
  /** Our clock when it was asked, ms since the epoch. */
  readonly askedAtMs?: number;
  /** Containers elsewhere that containers there were to reach. */
  readonly pairs?: readonly OverlayPair[];
}

/** Certificates and logs bear more, but not much more. */
const skewWarningMs = 2_000;
const skewErrorMs = 30_000;
const minFreeBytes = 2 * 2 ** 30;
const minFreeShare = 0.05;
const oldestEngine = [20, 10] as const;

/** What is wrong with these machines and between them, and what to do about each. Worst first. */
export function findings(machines: readonly Examined[]): readonly Finding[] {
  const names = new Map(machines.map(({ address, name }) => [address, name]));
  const all = machines.flatMap((machine) => ofMachine(machine, names));
  return [
    ...all.filter(({ level }) => level === 'error'),
    ...all.filter(({ level }) => level === 'warning'),
  ];
}

type Say = (level: Finding['level'], problem: string, remedy: string) => Finding;

function ofMachine(
  { name, facts, failure, enginePort, pairs = [], askedAtMs }: Examined,
  names: ReadonlyMap<string, string>,
): readonly Finding[] {
  const say: Say = (level, problem, remedy) => ({ level, machine: name, problem, remedy });
  if (facts === undefined) {
    return [
      say('error', `cannot be asked: ${failure ?? 'no answer'}`, `try "shoal machine ssh ${name}"`),
    ];
  }
  return [
    ...clockFindings(facts, say),
    ...engineFindings(facts, name, say),
    ...portFindings(enginePort, name, say),
    ...unitFindings(facts, name, say),
    ...certificateFindings(facts, { name, askedAtMs }, say),
    ...diskFindings(facts, say),
    ...networkFindings(facts, names, say),
    ...overlayFindings(facts, pairs, names, say),
  ];
}

function portFindings(
  enginePort: Examined['enginePort'],
  name: string,
  say: Say,
): readonly Finding[] {
  if (enginePort === undefined || enginePort.open) return [];
  const remedy = `open TCP ${enginePort.port} for this computer, or "shoal machine provision ${name}"`;
  return [say('warning', `its engine's port ${enginePort.port} does not answer here`, remedy)];
}

const holders: Readonly<Record<string, string>> = {
  'pki/worker': 'its worker',
  'pki/manager': 'its manager',
  'pki/intermediate': "the cluster's authority",
  'engine/server': 'its engine',
};

/** Workers and managers renew theirs at two thirds of its life: less than a quarter left is a fault. */
function certificateFindings(
  { certificates }: DoctorFacts,
  { name, askedAtMs }: { readonly name: string; readonly askedAtMs: number | undefined },
  say: Say,
): readonly Finding[] {
  if (askedAtMs === undefined) return [];
  return certificates.flatMap((certificate) => {
    const { fromMs, toMs } = certificate;
    const holder = holders[certificate.name] ?? certificate.name;
    const remedy =
      certificate.name === 'pki/intermediate'
        ? '"shoal ca rotate" makes a new one'
        : `"shoal machine provision ${name}" renews it`;
    const day = new Date(toMs).toISOString().slice(0, 16).replace('T', ' ');
    if (toMs <= askedAtMs) {
      return [say('error', `the certificate of ${holder} has expired on ${day}`, remedy)];
    }
    if (toMs - askedAtMs > (toMs - fromMs) / 4) return [];
    return [say('warning', `the certificate of ${holder} ends on ${day}`, remedy)];
  });
}

function unitFindings({ units }: DoctorFacts, name: string, say: Say): readonly Finding[] {
  return units
    .filter(({ state }) => state !== 'active')
    .map((unit) => {
      const remedy = `"journalctl -u ${unit.name}" there says why, then "shoal machine provision ${name}"`;
      return say('error', `${unit.name} is ${unit.state}`, remedy);
    });
}

/** What containers cannot do though their machines can is the tunnel's. */
function overlayFindings(
  { overlays, peers }: DoctorFacts,
  pairs: readonly OverlayPair[],
  names: ReadonlyMap<string, string>,
  say: Say,
): readonly Finding[] {
  const reached = new Set(
    peers
      .filter(({ roundTripMs, unknown }) => unknown || roundTripMs !== undefined)
      .map(({ address }) => names.get(address) ?? address),
  );
  return pairs.flatMap(({ to, address, network }) => {
    const way = overlays.find((overlay) => overlay.address === address);
    if (way === undefined || !reached.has(to)) return [];
    if (way.tcpLost) return [checksumFinding(to, peers, names, say)];
    if (way.roundTripMs !== undefined) return [];
    if (way.cut) {
      const remedy = `the way between the machines must carry ${way.mtu + 50} bytes: see its MTU, or give the network a smaller one`;
      return [say('error', `containers' packets of ${way.mtu} bytes to ${to} are lost`, remedy)];
    }
    const remedy = 'open UDP 4789 between the two in every firewall';
    return [say('error', `containers on ${network} do not reach ${to} (${address})`, remedy)];
  });
}

/** Cards and hypervisors that fill in a wrong checksum within a tunnel let every echo through and no TCP. */
function checksumFinding(
  to: string,
  peers: DoctorFacts['peers'],
  names: ReadonlyMap<string, string>,
  say: Say,
): Finding {
  const peer = peers.find(({ address }) => (names.get(address) ?? address) === to);
  const device = peer?.full?.device ?? 'DEVICE';
  const remedy = `turn checksum offload off on both machines: "ethtool -K ${device} tx-checksum-ip-generic off"; or a firewall takes TCP out of the tunnel`;
  return say('error', `containers' TCP packets to ${to} are lost, their pings are not`, remedy);
}

function clockFindings({ skewMs }: DoctorFacts, say: Say): readonly Finding[] {
  if (skewMs === undefined || Math.abs(skewMs) < skewWarningMs) return [];
  const seconds = (Math.abs(skewMs) / 1000).toFixed(1);
  return [
    say(
      Math.abs(skewMs) >= skewErrorMs ? 'error' : 'warning',
      `its clock is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} this computer's`,
      'run a time service there: "timedatectl set-ntp true"',
    ),
  ];
}

function engineFindings({ engine }: DoctorFacts, name: string, say: Say): readonly Finding[] {
  if (engine === '') {
    const remedy = `"systemctl status docker" there, then "shoal machine provision ${name}"`;
    return [say('error', 'its Docker Engine does not answer', remedy)];
  }
  const [major = 0, minor = 0] = engine.split('.').map(Number);
  const isOld = major < oldestEngine[0] || (major === oldestEngine[0] && minor < oldestEngine[1]);
  if (!isOld) return [];
  return [
    say('error', `Docker Engine ${engine} is older than ${oldestEngine.join('.')}`, 'upgrade it'),
  ];
}

function diskFindings({ disk, inodesPercent }: DoctorFacts, say: Say): readonly Finding[] {
  const remedy = 'remove images and containers that nobody uses: "docker system prune" there';
  const found: Finding[] = [];
  if (
    disk !== undefined &&
    disk.freeBytes < Math.min(minFreeBytes, disk.totalBytes * minFreeShare * 4)
  ) {
    const isOut = disk.freeBytes < disk.totalBytes * 0.01;
    const left = `${binaryBytes(disk.freeBytes)} of ${binaryBytes(disk.totalBytes)}`;
    found.push(say(isOut ? 'error' : 'warning', `only ${left} are free for the engine`, remedy));
  }
  if (inodesPercent !== undefined && inodesPercent >= 95) {
    found.push(say('warning', `${inodesPercent}% of the inodes for the engine are used`, remedy));
  }
  return found;
}

function networkFindings(
  { peers, ports, checksumErrors }: DoctorFacts,
  names: ReadonlyMap<string, string>,
  say: Say,
): readonly Finding[] {
  const found: Finding[] = [];
  for (const { address, roundTripMs, full, unknown } of peers) {
    const peer = names.get(address) ?? address;
    if (unknown) {
      found.push(
        say('warning', `has no ping: the way to ${peer} is not checked`, 'install iputils-ping'),
      );
    } else if (roundTripMs === undefined) {
      const remedy = `allow ICMP, UDP 4789 and TCP 7070 between ${address} and it in every firewall`;
      found.push(say('error', `does not reach ${peer} (${address})`, remedy));
    } else if (full?.arrive === false) {
      const remedy = `the way carries less than ${full.device} believes: "ip link set ${full.device} mtu 1400" on both ends, or allow ICMP "fragmentation needed"`;
      found.push(say('error', `packets of ${full.mtu} bytes to ${peer} are lost`, remedy));
    }
  }
  for (const { target, open } of ports) {
    if (open) continue;
    found.push(
      say(
        'error',
        `does not reach the manager at ${target}`,
        'open that TCP port in the firewall, or start the manager',
      ),
    );
  }
  if (checksumErrors > 0) {
    const remedy =
      'if the count grows, turn checksum offload off: "ethtool -K DEVICE tx-checksum-ip-generic off"';
    found.push(
      say(
        'warning',
        `has dropped ${checksumErrors} packets with a wrong checksum since boot`,
        remedy,
      ),
    );
  }
  return found;
}
