import { covers, parseCidr } from '../common/address/cidr.js';
import type { Ip } from '../common/address/ip.js';
import { formatIp, parseIp, tryParseIp } from '../common/address/ip.js';
import { macOf } from '../common/address/mac.js';
import type { LeaseId, NetworkId } from '../common/model/ids.js';
import type { Lease, Network } from '../common/model/network.js';
import { addressLeaseId } from '../common/model/network.js';
import type { NetworkAttachmentSpec } from '../common/model/service.js';
import type { Attachment, Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { StoreView, Transaction } from '../store/store.js';
import { nextAddress, planAddresses } from './ipam.js';
import { isAllocated, networkProblem } from './networks.js';

/** Next address to try, per network: the one after the last allocated address. */
export type AddressCursors = Map<NetworkId, Ip>;

/** An address for a task, with the lease to write. */
interface Grant {
  readonly attachment: Attachment;
  readonly leaseId: LeaseId;
}

/**
 * Leases the addresses of a new task and sets it to `pending`. Returns false and explains the
 * reason on the task if an address is not available.
 */
export function attachTask(tx: Transaction, task: Task, cursors: AddressCursors): boolean {
  const grants: Grant[] = [];
  for (const spec of task.spec.networks) {
    const grant = grantAddress(tx, task, { spec, cursors });
    if (typeof grant === 'string') {
      explain(tx, task, grant);
      return false;
    }
    grants.push(grant);
  }
  for (const { leaseId } of grants) takeLease(tx, leaseId, task);
  const { explanation: _waiting, ...rest } = task;
  tx.put('tasks', {
    ...rest,
    attachments: grants.map((grant) => grant.attachment),
    status: { ...task.status, state: 'pending', at: tx.now, message: 'waiting for a node' },
  });
  return true;
}

/** Networks that a client's container was connected to and has no address on yet. */
export function missingAttachments(task: Task): readonly NetworkAttachmentSpec[] {
  if (task.spec.container.origin === undefined || isTerminal(task.status.state)) return [];
  if (task.status.state === 'new') return [];
  return task.spec.networks.filter(
    ({ network }) => !task.attachments.some((each) => each.network === network),
  );
}

/** Leases addresses on the networks that a container was connected to after its creation. */
export function attachLater(tx: Transaction, task: Task, cursors: AddressCursors): void {
  const missing = missingAttachments(task);
  const grants = missing.map((spec) => grantAddress(tx, task, { spec, cursors }));
  const problem = grants.find((grant) => typeof grant === 'string');
  if (problem !== undefined) {
    explain(tx, task, problem);
    return;
  }
  const given = grants.filter((grant) => typeof grant !== 'string');
  for (const { leaseId } of given) takeLease(tx, leaseId, task);
  const attachments = [...task.attachments, ...given.map(({ attachment }) => attachment)];
  tx.put('tasks', { ...task, attachments });
}

function explain(tx: Transaction, task: Task, summary: string): void {
  if (task.explanation?.summary === summary) return;
  tx.put('tasks', {
    ...task,
    explanation: { placed: false, summary, reasons: [], at: tx.now },
  });
}

function takeLease(tx: Transaction, id: LeaseId, task: Task): void {
  const holder = { kind: 'task', taskId: task.id } as const;
  const lease = tx.get('leases', id);
  if (lease === undefined) tx.create('leases', { id, holder });
  else tx.put('leases', { ...lease, holder });
}

function grantAddress(
  tx: Transaction,
  task: Task,
  options: { readonly spec: NetworkAttachmentSpec; readonly cursors: AddressCursors },
): Grant | string {
  const { spec } = options;
  const network = tx.networkByName(spec.network);
  if (network === undefined) return `network ${spec.network} does not exist`;
  if (network.removing) return `network ${spec.network} is being removed`;
  if (!isAllocated(network)) {
    return networkProblem(tx, network) ?? `network ${spec.network} has no subnet yet`;
  }
  const ip =
    spec.ipv4Address === undefined
      ? (adoptedAddress(tx, task, network) ?? freeAddress(tx, network, options.cursors))
      : fixedAddress(tx, network, spec.ipv4Address);
  if (typeof ip === 'string') return ip;
  const address = formatIp(ip);
  return {
    leaseId: addressLeaseId(network.id, address),
    attachment: {
      networkId: network.id,
      network: spec.network,
      address,
      mac: spec.macAddress ?? macOf(ip),
      aliases: [...new Set([task.containerName, ...spec.aliases])],
    },
  };
}

/** Address of the adopted task: a kept container keeps its address. */
function adoptedAddress(tx: Transaction, task: Task, network: Network): Ip | undefined {
  const old = task.adopts === undefined ? undefined : tx.get('tasks', task.adopts);
  const before = old?.attachments.find(({ networkId }) => networkId === network.id);
  if (old === undefined || before === undefined) return undefined;
  const lease = tx.get('leases', addressLeaseId(network.id, before.address));
  const isAvailable = lease === undefined || holds(lease, old);
  return isAvailable ? parseIp(before.address) : undefined;
}

function holds(lease: Lease, task: Task): boolean {
  return lease.holder.kind === 'task' && lease.holder.taskId === task.id;
}

function fixedAddress(tx: Transaction, network: Network, address: string): Ip | string {
  const where = `address ${address} of network ${network.spec.name}`;
  const ip = tryParseIp(address);
  if (ip === undefined) return `${where} is not an IPv4 address`;
  if (!covers(parseCidr(network.subnet), { base: ip, prefix: 32 })) {
    return `${where} is not inside its subnet ${network.subnet}`;
  }
  if (network.spec.reserved?.includes(address) === true) return `${where} is reserved`;
  const lease = tx.get('leases', addressLeaseId(network.id, formatIp(ip)));
  if (lease === undefined || hasEnded(tx, lease)) return ip;
  return `${where} is already in use by ${describeHolder(tx, lease)}`;
}

/** Whether the holder has ended: a fixed address can be reused before the ended task is deleted. */
function hasEnded(view: StoreView, lease: Lease): boolean {
  if (lease.holder.kind !== 'task') return false;
  const holder = view.get('tasks', lease.holder.taskId);
  return holder === undefined || isTerminal(holder.status.state);
}

function describeHolder(view: StoreView, lease: Lease): string {
  const { holder } = lease;
  if (holder.kind === 'task') {
    const task = view.get('tasks', holder.taskId);
    return task === undefined ? holder.taskId : `${task.service}.${task.slot}`;
  }
  const name = view.get('nodes', holder.nodeId)?.spec.name ?? holder.nodeId;
  return holder.kind === 'gateway'
    ? `the gateway of ${name}`
    : `a task on ${name}, which is down, until it comes back or is removed`;
}

function freeAddress(tx: Transaction, network: Network, cursors: AddressCursors): Ip | string {
  const { tasks: range } = planOf(network);
  const fixed = fixedAddresses(tx, network);
  const gateway = tryParseIp(network.spec.gateway ?? '');
  const used = {
    has: (ip: Ip) =>
      ip === gateway ||
      fixed.has(ip) ||
      tx.get('leases', addressLeaseId(network.id, formatIp(ip))) !== undefined,
  };
  const from = cursors.get(network.id) ?? afterHighest(tx, network);
  const ip = nextAddress(range, used, from);
  if (ip === undefined) return `network ${network.spec.name}: no free address in ${network.subnet}`;
  cursors.set(network.id, ip + 1);
  return ip;
}

export function planOf(network: Network): ReturnType<typeof planAddresses> {
  const { subnet, ipRange } = network.spec;
  const range = ipRange === undefined ? {} : { range: parseCidr(ipRange) };
  return planAddresses(parseCidr(network.subnet), subnet === undefined ? undefined : range);
}

/**
 * Addresses never allocated dynamically: fixed in services, or reserved. Only in user-defined
 * subnets.
 */
export function fixedAddresses(view: StoreView, network: Network): ReadonlySet<Ip> {
  const fixed = new Set<Ip>();
  if (network.spec.subnet === undefined) return fixed;
  for (const address of network.spec.reserved ?? []) {
    const ip = tryParseIp(address);
    if (ip !== undefined) fixed.add(ip);
  }
  for (const service of view.servicesWithAddressOn(network.spec.name)) {
    for (const { network: name, ipv4Address } of service.spec.task.networks) {
      const ip = name === network.spec.name ? tryParseIp(ipv4Address ?? '') : undefined;
      if (ip !== undefined) fixed.add(ip);
    }
  }
  return fixed;
}

/** Cursor after a restart: the address after the highest one in use. */
function afterHighest(view: StoreView, network: Network): Ip {
  let highest = 0;
  for (const { id, holder } of view.leasesOfNetwork(network.id)) {
    if (holder.kind === 'gateway') continue;
    highest = Math.max(highest, tryParseIp(id.slice(id.lastIndexOf('/') + 1)) ?? 0);
  }
  return highest + 1;
}
