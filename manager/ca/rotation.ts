import { X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Clock } from '../common/base/clock.js';
import { AppError } from '../common/base/errors.js';
import { readIfThere } from '../common/base/files.js';
import type { Logger } from '../common/base/log.js';
import { Loop } from '../common/base/loop.js';
import type { Peer } from '../transport/peer.js';
import type { CaMember, CaStatus, Rotation } from '../common/protocol/security.js';
import { changeCluster, clusterRecord } from '../store/cluster-record.js';
import type { ClusterRecord, ClusterStore } from '../store/store.js';
import { ClusterAuthority, nodeLifetimeMs } from './authority.js';
import type { PairPaths } from '../common/pki/pki-files.js';
import { belongTogether, readPair, replaceFile, replacePair } from '../common/pki/pki-files.js';
import { createPrivateKey, createRequest } from '../common/pki/pki.js';

/*
 * Replacing the cluster's authority. All trust what the user's authority signed, so the next one is
 * trusted from its first moment, and the old one until it is put on the list of those refused:
 *
 *   request   a key for the next authority is made here; its request goes to the user
 *   install   what the user's authority signed takes the old one's place for signing; this manager and
 *             all workers renew, and show at their next connection whose certificate they have
 *   finish    once nobody shows the old one's any more, it is refused by managers, workers and clients
 *
 * Each step leaves on disk or in the store what the next one needs, so that it goes on after a crash.
 */

export interface RotationParts {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** The authority's files. */
  readonly paths: PairPaths;
  /** PEM of the user's authority. */
  readonly ca: string;
  readonly manager: {
    readonly name: string;
    authority(): ClusterAuthority;
    useAuthority(authority: ClusterAuthority): void;
    /** Id of the authority that signed this manager's certificate. */
    signer(): string;
    renewNow(): void;
  };
  readonly workers: {
    peers(): ReadonlyMap<string, Peer>;
    renewOf(authority: string): void;
  };
}

const lookMs = 2_000;

export class AuthorityRotation {
  readonly #parts: RotationParts;
  readonly #loop: Loop;

  constructor(parts: RotationParts) {
    this.#parts = parts;
    this.#loop = new Loop({
      name: 'ca rotation',
      clock: parts.clock,
      log: parts.log,
      resyncMs: lookMs,
      turn: () => this.#turn(),
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  status(): Omit<CaStatus, 'sealingKey'> {
    const { id, notAfterMs } = this.#parts.manager.authority();
    const record = this.#record();
    return {
      authority: { id, notAfterMs },
      certificateLifetimeMs: record.certificateLifetimeMs ?? nodeLifetimeMs,
      refusedAuthorities: record.refusedAuthorities ?? [],
      refusedClients: record.refusedClients ?? [],
      ...(record.rotation === undefined ? {} : { rotation: record.rotation }),
      retiring: record.retiring ?? [],
      members: this.#members(record.rotation),
    };
  }

  /** A request for the next authority; the same key until it is installed. */
  async request(): Promise<string> {
    this.#mustBeAtRest();
    const path = this.#next().key;
    let key = await readIfThere(path);
    // What a crash left of an earlier rotation is in use by now.
    const current = this.#parts.manager.authority();
    if (key === undefined || belongTogether(current.cert, key)) {
      key = await createPrivateKey();
      await replaceFile(path, key, 0o600);
    }
    return createRequest(key, `shoal ${this.#record().clusterId}`);
  }

  /** Throws `invalid` for a certificate that is not for the key of `request`, or is no authority of ours. */
  async install(certificate: string): Promise<void> {
    this.#mustBeAtRest();
    const { store, manager, clock } = this.#parts;
    const key = await readIfThere(this.#next().key);
    if (key === undefined || !belongTogether(certificate, key)) {
      throw new AppError('invalid', 'the certificate is not for the key that was requested');
    }
    const from = manager.authority();
    this.#check(certificate, from);
    const { id: to } = new ClusterAuthority({ cert: certificate, key });
    if (to === from.id) throw new AppError('invalid', 'the next authority is the one there is');
    await replaceFile(this.#next().cert, certificate, 0o644);
    await store.update('control', (tx) => {
      const rotation = { from: from.id, to, startedAt: clock.now() };
      changeCluster(tx, (record) => ({ ...record, rotation }));
    });
    await this.#turn();
  }

  /** Throws `conflict` that names the members that would be shut out, unless `force`. */
  async finish(force: boolean): Promise<string> {
    const { store, log } = this.#parts;
    const { rotation } = this.#record();
    if (rotation === undefined) {
      throw new AppError('conflict', 'no rotation of the authority is under way');
    }
    const late = this.#members(rotation).filter(({ certificate }) => certificate !== 'current');
    if (late.length > 0 && !force) {
      const names = late.map(({ name, certificate }) => `${name} (${certificate})`).join(', ');
      throw new AppError('conflict', `still with a certificate of the old authority: ${names}`);
    }
    await store.update('control', (tx) => {
      changeCluster(tx, (record) => {
        const { rotation: done, ...rest } = record;
        if (done?.to !== rotation.to) return record;
        const refused = new Set([...(record.refusedAuthorities ?? []), done.from]);
        refused.delete(done.to);
        return { ...rest, refusedAuthorities: [...refused].sort() };
      });
    });
    log.info('the old authority of the cluster is refused from now on', { id: rotation.from });
    return rotation.from;
  }

  async #turn(): Promise<void> {
    const { rotation } = this.#record();
    if (rotation === undefined) return;
    const { manager, workers } = this.#parts;
    if (manager.authority().id === rotation.from) await this.#switchTo(rotation);
    if (manager.signer() === rotation.from) manager.renewNow();
    workers.renewOf(rotation.from);
  }

  /** Signs with the next authority from now on, also after a restart. */
  async #switchTo(rotation: Rotation): Promise<void> {
    const { paths, manager, log } = this.#parts;
    const next = this.#next();
    const authority = await ClusterAuthority.read(next);
    if (authority.id !== rotation.to) {
      throw new AppError(
        'internal',
        `the next authority in ${next.cert} is another than installed`,
      );
    }
    await replacePair(paths, await readPair(next));
    manager.useAuthority(authority);
    await rm(next.key, { force: true });
    await rm(next.cert, { force: true });
    log.info('a new authority of the cluster signs from now on', { id: authority.id });
  }

  #members(rotation: Rotation | undefined): readonly CaMember[] {
    const { store, manager, workers } = this.#parts;
    const old = (authority: string | undefined): CaMember['certificate'] =>
      authority !== undefined && authority === rotation?.from ? 'old' : 'current';
    const peers = workers.peers();
    const nodes = store.view.list('nodes').map(({ id, spec }): CaMember => {
      const peer = peers.get(id);
      const certificate = peer === undefined ? 'away' : old(peer.authority);
      return { name: spec.name, role: 'worker', certificate };
    });
    return [{ name: manager.name, role: 'manager', certificate: old(manager.signer()) }, ...nodes];
  }

  #check(certificate: string, from: ClusterAuthority): void {
    const next = new X509Certificate(certificate);
    const now = this.#parts.clock.now();
    const wrong = (why: string): AppError =>
      new AppError('invalid', `the next authority's certificate ${why}`);
    if (!next.ca) throw wrong('is no authority’s');
    if (next.subject !== new X509Certificate(from.cert).subject) throw wrong('has another name');
    if (!next.verify(new X509Certificate(this.#parts.ca).publicKey)) {
      throw wrong('is not signed by the authority that machines and clients trust');
    }
    if (Date.parse(next.validFrom) > now || Date.parse(next.validTo) <= now) {
      throw wrong(`is valid from ${next.validFrom} to ${next.validTo}, which is not now`);
    }
  }

  #mustBeAtRest(): void {
    if (this.#record().rotation === undefined) return;
    throw new AppError('conflict', 'a rotation of the authority is under way');
  }

  #record(): ClusterRecord {
    return clusterRecord(this.#parts.store.view);
  }

  #next(): PairPaths {
    const { cert, key } = this.#parts.paths;
    return { cert: `${cert}.next`, key: `${key}.next` };
  }
}
