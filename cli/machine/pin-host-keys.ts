import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { isFileNotFound } from '../../manager/common/base/files.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { knownKeyTypes } from '../ssh/known-hosts.js';
import type { EffectiveConfig } from '../ssh/transport/effective-config.js';
import type { FirstContactPolicy, HostKeyCheck, OfferedHostKey } from '../ssh/first-contact.js';
import {
  decideFirstContact,
  expectedFingerprint,
  fingerprintOfKey,
  hostKeyChecks,
} from '../ssh/first-contact.js';
import type { CreateFlags } from './new-record.js';
import type { ProvisionContext } from './provision-context.js';

/** `~/…` in a path of ssh's configuration. */
function expand(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}

async function readKnownHosts(paths: readonly string[]): Promise<string> {
  const own = ['known_hosts', 'known_hosts2'].map((file) =>
    join(process.env.HOME ?? homedir(), '.ssh', file),
  );
  const texts = await Promise.all(
    [...new Set([...own, ...paths.map(expand)])].map(async (path) =>
      readFile(path, 'utf8').catch((error: unknown) => {
        if (isFileNotFound(error)) return '';
        throw new AppError('invalid', `known hosts: ${messageOf(error)}`, { cause: error });
      }),
    ),
  );
  return texts.join('\n');
}

type HostKeyFlags = Pick<CreateFlags, 'genericSshHostKey' | 'genericSshStrictHostKeyChecking'>;

/** The rule of the flags; undefined without one. Throws `invalid`. */
function checkOfFlags(flags: HostKeyFlags): HostKeyCheck | undefined {
  flags.genericSshHostKey?.forEach(expectedFingerprint);
  const chosen = flags.genericSshStrictHostKeyChecking;
  if (chosen === undefined) return undefined;
  const check = hostKeyChecks.find((each) => each === chosen);
  if (check !== undefined) return check;
  throw new AppError(
    'invalid',
    `--generic-ssh-strict-host-key-checking "${chosen}": use ${hostKeyChecks.join(', ')}`,
  );
}

/**
 * The policy of the flags, else of ssh's configuration; by default `ask` on a terminal, else
 * `accept-new`.
 */
async function policyFor(
  config: EffectiveConfig,
  flags: HostKeyFlags,
  isTerminal: boolean,
): Promise<FirstContactPolicy> {
  const configured = { yes: 'yes', 'accept-new': 'accept-new', no: 'accept-new' } as const;
  const { strictHostKeyChecking: strict } = config;
  const check =
    checkOfFlags(flags) ??
    (strict === 'yes' || strict === 'accept-new' || strict === 'no'
      ? configured[strict]
      : isTerminal
        ? 'ask'
        : 'accept-new');
  const knownHosts = await readKnownHosts(config.knownHostsFiles);
  return { check, expected: flags.genericSshHostKey ?? [], knownHosts };
}

/** Injected for tests. */
export interface HostKeyDialog {
  readonly isTerminal: boolean;
  readonly confirm: (question: string) => Promise<boolean>;
  readonly say: (line: string) => void;
}

async function decide(
  policy: FirstContactPolicy,
  offered: OfferedHostKey,
  dialog: HostKeyDialog,
): Promise<string> {
  const print = fingerprintOfKey(offered.key);
  const { machine, host, key } = offered;
  const what = `${machine}: ${key.type} host key of ${host} is ${print}`;
  const contact = decideFirstContact(policy, offered);
  if (contact.decision === 'refuse') throw contact.error;
  if (contact.decision === 'accept') {
    dialog.say(`${what} (${contact.reason})`);
    return print;
  }
  const isBelieved =
    dialog.isTerminal && (await dialog.confirm(`${what} (unknown). Continue connecting?`));
  if (isBelieved) return print;
  throw new AppError(
    'forbidden',
    `${machine}: host key ${print} of ${host} was not confirmed; give it with --generic-ssh-host-key`,
  );
}

interface Offer {
  readonly policy: FirstContactPolicy;
  readonly offered: OfferedHostKey;
}

async function offerOf(
  provisioning: Pick<ProvisionContext, 'offeredHostKey' | 'sshConfig'>,
  record: MachineRecord,
  flags: HostKeyFlags,
  isTerminal: boolean,
): Promise<Offer | undefined> {
  if (record.Driver.SSHHostKey !== '') return undefined;
  const { IPAddress, SSHHost = IPAddress, SSHPort } = record.Driver;
  const config = await provisioning.sshConfig(SSHHost);
  const policy = await policyFor(config, flags, isTerminal);
  const { hostKeyAlias } = config;
  // As ssh looks hosts up in known_hosts.
  const host = hostKeyAlias ?? config.hostname;
  const port = hostKeyAlias === undefined ? SSHPort : 22;
  const prefer = knownKeyTypes(policy.knownHosts, { host, port });
  const key = await provisioning.offeredHostKey(record, prefer);
  return { policy, offered: { machine: record.Name, host, port, key } };
}

/**
 * Pins the host keys of machines that are contacted for the first time, before anything is sent to
 * them. Returns the pinned records and the failures.
 */
export async function pinHostKeys(
  provisioning: Pick<ProvisionContext, 'offeredHostKey' | 'sshConfig'>,
  records: readonly MachineRecord[],
  flags: HostKeyFlags,
  dialog: HostKeyDialog,
): Promise<{ readonly pinned: readonly MachineRecord[]; readonly failures: readonly unknown[] }> {
  checkOfFlags(flags);
  const offers = records.map((record) => offerOf(provisioning, record, flags, dialog.isTerminal));
  const settled = await Promise.allSettled(offers);
  const pinned: MachineRecord[] = [];
  const failures: unknown[] = [];
  // One question after the other.
  for (const [index, record] of records.entries()) {
    const offer = settled[index];
    try {
      if (offer?.status !== 'fulfilled') throw offer?.reason;
      const { value } = offer;
      if (value === undefined) {
        pinned.push(record);
        continue;
      }
      const SSHHostKey = await decide(value.policy, value.offered, dialog);
      const { type, blob } = value.offered.key;
      const pin = { SSHHostKey, SSHPublicHostKey: `${type} ${blob}` };
      pinned.push({ ...record, Driver: { ...record.Driver, ...pin } });
    } catch (error) {
      failures.push(error);
    }
  }
  return { pinned, failures };
}
