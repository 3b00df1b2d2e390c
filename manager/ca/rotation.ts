import { X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { certificatesOf } from '../common/pki/pki-peer.js';
import { AppError } from '../common/base/errors.js';
import { readFileIfExists } from '../common/base/files.js';
import type { CaMember, CaStatus, CaRotation } from '../common/protocol/security.js';
import { getClusterRecord } from '../store/cluster-record.js';
import type { ClusterRecord } from '../store/store.js';
import { ClusterAuthority, defaultNodeLifetimeMs } from './authority.js';
import type { AuthorityLoopDependencies } from './authority-loop.js';
import { AuthorityLoop } from './authority-loop.js';
import { withFinishedRotation } from './authority-record.js';
import type { CertificateKeyPaths } from '../common/pki/pki-files.js';
import {
  keyMatchesCertificate,
  readKeyPair,
  replaceFile,
  replaceKeyPair,
} from '../common/pki/pki-files.js';
import { createPrivateKey, createRequest } from '../common/pki/pki.js';

/*
 * Rotation of the intermediate CA. All members trust the root CA, so the next intermediate CA is
 * trusted at once and the old one until it is on the refused list:
 *
 *   request   generates a key for the next CA; its request goes to the user
 *   install   the certificate signed by the root CA becomes the signing CA; this manager and all
 *             workers renew, and their next connection shows which CA signed their certificate
 *   finish    once no member uses the old CA, managers, workers and clients refuse it
 *
 * Each step persists the input of the next one on disk or in the store, so the rotation survives a
 * crash.
 */

export interface RotationDependencies extends AuthorityLoopDependencies {
  /** Files of the intermediate CA. */
  readonly paths: CertificateKeyPaths;
  /** Root CA certificate, PEM. */
  readonly ca: string;
  readonly manager: {
    readonly name: string;
    authority(): ClusterAuthority;
    useAuthority(authority: ClusterAuthority): void;
    /** ID of the CA that signed this manager's certificate. */
    signer(): string;
    renewNow(): void;
  };
}

export class AuthorityRotation {
  readonly #parts: RotationDependencies;
  readonly #loop: AuthorityLoop;
  #lastStep: Promise<unknown> = Promise.resolve();

  constructor(parts: RotationDependencies) {
    this.#parts = parts;
    this.#loop = new AuthorityLoop(parts, {
      name: 'ca rotation',
      authorities: ({ rotation }) => (rotation === undefined ? [] : [rotation.from]),
      replace: () => this.#replace(),
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
      certificateLifetimeMs: record.certificateLifetimeMs ?? defaultNodeLifetimeMs,
      refusedAuthorities: record.refusedAuthorities ?? [],
      refusedClients: record.refusedClients ?? [],
      ...(record.rotation === undefined ? {} : { rotation: record.rotation }),
      retiring: record.retiring ?? [],
      members: this.#members(record.rotation),
    };
  }

  /** Returns a request for the next CA; uses the same key until the CA is installed. */
  async request(): Promise<string> {
    this.#requireNoRotation();
    const path = this.#next().key;
    let key = await readFileIfExists(path);
    // After a crash in an earlier rotation the file may hold the key that is now in use.
    const current = this.#parts.manager.authority();
    if (key === undefined || keyMatchesCertificate(current.cert, key)) {
      key = await createPrivateKey();
      await replaceFile(path, key, 0o600);
    }
    return createRequest(key, `shoal ${this.#record().clusterId}`);
  }

  /**
   * Installs the signed CA. Rejects with `invalid` if it is not for the requested key or not a
   * valid CA.
   */
  async install(certificate: string): Promise<void> {
    this.#requireNoRotation();
    const { manager, clock } = this.#parts;
    const key = await readFileIfExists(this.#next().key);
    if (key === undefined || !keyMatchesCertificate(certificate, key)) {
      throw new AppError(
        'invalid',
        'next CA: certificate does not match the requested key; sign the latest request',
      );
    }
    const from = manager.authority();
    this.#check(certificate, from);
    const { id: to } = new ClusterAuthority({ cert: certificate, key });
    if (to === from.id) throw new AppError('invalid', 'next CA: is the current CA');
    await replaceFile(this.#next().cert, certificate, 0o644);
    const rotation = { from: from.id, to, startedAt: clock.now() };
    await this.#loop.change((record) => ({ ...record, rotation }));
    await this.#replace();
  }

  /**
   * Refuses the old CA. Rejects with `conflict` and the members that still use it, unless `force`.
   */
  async finish(force: boolean): Promise<string> {
    const { log } = this.#parts;
    const { rotation } = this.#record();
    if (rotation === undefined) {
      throw new AppError('conflict', 'ca rotation: none in progress');
    }
    const notRenewed = this.#members(rotation).filter(
      ({ certificate }) => certificate !== 'current',
    );
    if (notRenewed.length > 0 && !force) {
      const names = notRenewed
        .map(({ name, certificate }) => `${name} (${certificate})`)
        .join(', ');
      throw new AppError(
        'conflict',
        `ca rotation: members without a certificate of the new CA: ${names}; wait for them or use --force`,
      );
    }
    await this.#loop.change((record) => withFinishedRotation(record, rotation.to));
    log.info('old intermediate ca is now refused', { id: rotation.from });
    return rotation.from;
  }

  /** One step at a time: `install` and the loop may start one at once. */
  #replace(): Promise<'in-use' | 'unused'> {
    const step = this.#lastStep.then(() => this.#replaceOnce());
    this.#lastStep = step.catch(() => undefined);
    return step;
  }

  async #replaceOnce(): Promise<'in-use' | 'unused'> {
    const { rotation } = this.#record();
    if (rotation === undefined) return 'unused';
    const { manager } = this.#parts;
    if (manager.authority().id === rotation.from) await this.#switchTo(rotation);
    if (manager.signer() === rotation.from) manager.renewNow();
    return 'in-use';
  }

  /** Makes the next CA the signing CA, also across restarts. */
  async #switchTo(rotation: CaRotation): Promise<void> {
    const { paths, manager, log } = this.#parts;
    const next = this.#next();
    const authority = await ClusterAuthority.read(next);
    if (authority.id !== rotation.to) {
      throw new AppError('internal', `next CA in ${next.cert}: is not the installed one`);
    }
    await replaceKeyPair(paths, await readKeyPair(next));
    manager.useAuthority(authority);
    await rm(next.key, { force: true });
    await rm(next.cert, { force: true });
    log.info('new intermediate ca is now the signing ca', { id: authority.id });
  }

  #members(rotation: CaRotation | undefined): readonly CaMember[] {
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
    const wrong = (why: string): AppError => new AppError('invalid', `next CA: certificate ${why}`);
    if (!next.ca) throw wrong('is not a CA certificate');
    if (next.subject !== new X509Certificate(from.cert).subject)
      throw wrong('has a different subject');
    if (!certificatesOf(this.#parts.ca).some(({ publicKey }) => next.verify(publicKey))) {
      throw wrong('is not signed by the root CA that machines and clients trust');
    }
    if (Date.parse(next.validFrom) > now || Date.parse(next.validTo) <= now) {
      throw wrong(`is not valid now, only from ${next.validFrom} to ${next.validTo}`);
    }
  }

  #requireNoRotation(): void {
    if (this.#record().rotation === undefined) return;
    throw new AppError('conflict', 'ca rotation: already in progress; finish it first');
  }

  #record(): ClusterRecord {
    return getClusterRecord(this.#parts.store.view);
  }

  #next(): CertificateKeyPaths {
    const { cert, key } = this.#parts.paths;
    return { cert: `${cert}.next`, key: `${key}.next` };
  }
}
