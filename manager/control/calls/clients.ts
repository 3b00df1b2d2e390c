import { X509Certificate } from 'node:crypto';
import { array, nonEmptyString, oneOf, optional } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type {
  ClientAccess,
  ClientCertificate,
  ClientRecord,
} from '../../common/model/trust/client.js';
import { clientRoles } from '../../common/model/trust/client.js';
import type { ClientCallMap, ClientInfo, IssuedClient } from '../../common/protocol/security.js';
import { getClusterRecord, updateClusterRecord } from '../../store/cluster-record.js';
import type { ClusterStore, Transaction } from '../../store/store.js';
import { Args } from '../args.js';
import type { CallContext, ControlCalls } from '../context.js';

const minuteMs = 60_000;
const maxLifetimeMs = 3_650 * 86_400_000;
const maxClients = 1_000;

const namePattern = /^[0-9A-Za-z][0-9A-Za-z_.-]{0,62}$/u;

function nameOf(args: Args): string {
  const name = args.text('name');
  if (namePattern.test(name)) return name;
  throw new AppError(
    'invalid',
    `client name "${name}": invalid; use 1 to 63 letters, digits, _ . - and start with a letter or digit`,
  );
}

function lifetimeOf(args: Args): number | undefined {
  const lifetimeMs = args.count('lifetimeMs');
  if (lifetimeMs === undefined) return undefined;
  if (lifetimeMs >= minuteMs && lifetimeMs <= maxLifetimeMs) return lifetimeMs;
  throw new AppError('invalid', 'lifetimeMs: must be between 1 minute and 10 years');
}

function checkAccess({ name, role, projects }: ClientAccess): void {
  if (role !== 'admin' || projects.length === 0) return;
  throw new AppError(
    'invalid',
    `client ${name}: an admin cannot be limited to projects; use role deploy or read`,
  );
}

function infoOf({ certificates, lifetimeMs: _lifetime, ...client }: ClientRecord): ClientInfo {
  return {
    ...client,
    expiresAt: Math.max(0, ...certificates.map(({ expiresAt }) => expiresAt)),
    serials: certificates.map(({ serial }) => serial),
  };
}

function requireRecord(clients: readonly ClientRecord[], name: string): ClientRecord {
  const known = clients.find((client) => client.name === name);
  if (known !== undefined) return known;
  throw new AppError('not-found', `client ${name}: not found; see "shoal client ls"`);
}

function clientsOf(view: Pick<Transaction, 'get'>): readonly ClientRecord[] {
  return getClusterRecord(view).clients ?? [];
}

/** Replaces a client, or adds it, or removes it if `client` is undefined. */
function putClient(tx: Transaction, name: string, client: ClientRecord | undefined): void {
  updateClusterRecord(tx, (record) => {
    const others = (record.clients ?? []).filter((each) => each.name !== name);
    const clients = client === undefined ? others : [...others, client];
    return { ...record, clients: clients.sort((a, b) => (a.name < b.name ? -1 : 1)) };
  });
}

async function sign(
  { security }: CallContext,
  name: string,
  order: { readonly request: string; readonly lifetimeMs: number },
): Promise<{ readonly chain: string; readonly certificate: ClientCertificate }> {
  if (security === undefined) {
    throw new AppError('unsupported', 'client: this manager has no intermediate CA');
  }
  const chain = await security.signClient(name, order.request, order.lifetimeMs);
  const { serialNumber, fingerprint256, validTo } = new X509Certificate(chain);
  const certificate = {
    serial: serialNumber.toLowerCase(),
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
    expiresAt: Date.parse(validTo),
  };
  return { chain, certificate };
}

async function create(context: CallContext, args: Args): Promise<IssuedClient> {
  const access: ClientAccess = {
    name: nameOf(args),
    role: args.field('role', oneOf(...clientRoles)),
    projects: [...new Set(args.texts('projects'))].sort(),
  };
  checkAccess(access);
  const lifetimeMs = lifetimeOf(args) ?? 90 * 86_400_000;
  // Checked before the costly signature, and again when the client is written.
  checkNew(clientsOf(context.store.view), access.name);
  const signed = await sign(context, access.name, { request: args.text('request'), lifetimeMs });
  const client = await context.store.update('control', (tx) => {
    checkNew(clientsOf(tx), access.name);
    const record = { ...access, createdAt: tx.now, lifetimeMs, certificates: [signed.certificate] };
    putClient(tx, access.name, record);
    return record;
  });
  return { client: infoOf(client), chain: signed.chain };
}

function checkNew(clients: readonly ClientRecord[], name: string): void {
  if (clients.some((client) => client.name === name)) {
    throw new AppError(
      'conflict',
      `client ${name}: already exists; renew it with "shoal client renew" or remove it first`,
    );
  }
  if (clients.length < maxClients) return;
  throw new AppError('conflict', `client ${name}: the cluster has ${maxClients} clients already`);
}

async function renew(
  context: CallContext,
  name: string,
  order: {
    readonly request: string;
    readonly lifetimeMs?: number | undefined;
    /** Fingerprint of the certificate with which the client asks. */
    readonly presented?: string | undefined;
  },
): Promise<IssuedClient> {
  const known = requireRecord(clientsOf(context.store.view), name);
  const { request, lifetimeMs = known.lifetimeMs, presented } = order;
  const { chain, certificate } = await sign(context, name, { request, lifetimeMs });
  const client = await context.store.update('control', (tx) => {
    const current = requireRecord(clientsOf(tx), name);
    // A client that was removed and created again meanwhile does not get the old one's renewal.
    if (current.createdAt !== known.createdAt) requireRecord([], name);
    const alive = current.certificates.filter(({ expiresAt }) => expiresAt > tx.now);
    // The client uses one of these until it has stored the new one: the newest, or, if the answer
    // to an earlier renewal was lost, the one that it presents.
    const kept = alive.filter(
      ({ fingerprint }, index) => fingerprint === presented || index === alive.length - 1,
    );
    const record = { ...current, lifetimeMs, certificates: [...kept, certificate] };
    putClient(tx, name, record);
    return record;
  });
  return { client: infoOf(client), chain };
}

function update(store: ClusterStore, args: Args): Promise<ClientInfo> {
  const name = nameOf(args);
  const role = args.field('role', optional(oneOf(...clientRoles)));
  const projects = args.field('projects', optional(array(nonEmptyString)));
  return store.update('control', (tx) => {
    const known = requireRecord(clientsOf(tx), name);
    const client = {
      ...known,
      ...(role === undefined ? {} : { role }),
      ...(projects === undefined ? {} : { projects: [...new Set(projects)].sort() }),
    };
    checkAccess(client);
    putClient(tx, name, client);
    return infoOf(client);
  });
}

async function remove({ store, peer, access }: CallContext, args: Args): Promise<null> {
  const name = nameOf(args);
  if (peer.role === 'user' && access.name === name) {
    throw new AppError('conflict', `client ${name}: is the one you use now; ask another admin`);
  }
  await store.update('control', (tx) => {
    requireRecord(clientsOf(tx), name);
    putClient(tx, name, undefined);
  });
  return null;
}

export const clientCalls: Pick<ControlCalls, keyof ClientCallMap> = {
  'client.create': (context, value) => create(context, new Args('client.create', value)),
  'client.list': ({ store }) => Promise.resolve(clientsOf(store.view).map(infoOf)),
  'client.update': ({ store }, value) => update(store, new Args('client.update', value)),
  'client.remove': (context, value) => remove(context, new Args('client.remove', value)),
  'client.renew': (context, value) => {
    const args = new Args('client.renew', value);
    const order = { request: args.text('request'), lifetimeMs: lifetimeOf(args) };
    return renew(context, nameOf(args), order);
  },
  'client.renew-own': (context, value) => {
    const { peer, access } = context;
    if (peer.role !== 'user') {
      throw new AppError('unsupported', 'client renew-own: an owner renews its own certificate');
    }
    const request = new Args('client.renew-own', value).text('request');
    return renew(context, access.name, { request, presented: peer.fingerprint });
  },
};
