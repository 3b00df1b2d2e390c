import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { isFileNotFound } from '../../manager/common/base/files.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import type { FirstContactPolicy, HostKeyCheck, OfferedHostKey } from '../ssh/first-contact.js';
import {
  decideFirstContact,
  expectedFingerprint,
  fingerprintOfKey,
  hostKeyChecks,
} from '../ssh/first-contact.js';
import type { CreateFlags } from './new-record.js';
import type { ProvisionContext } from './provision-context.js';

const systemFiles = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];

async function readKnownHosts(home: string): Promise<string> {
  const own = ['known_hosts', 'known_hosts2'].map((file) => join(home, '.ssh', file));
  const texts = await Promise.all(
    [...own, ...systemFiles].map(async (path) =>
      readFile(path, 'utf8').catch((error: unknown) => {
        if (isFileNotFound(error)) return '';
        throw new AppError('invalid', `known hosts: ${messageOf(error)}`, { cause: error });
      }),
    ),
  );
  return texts.join('\n');
}

/** The policy of the flags: `ask` by default on a terminal, else `accept-new`. */
async function policyOf(
  flags: Pick<CreateFlags, 'genericSshHostKey' | 'genericSshStrictHostKeyChecking'>,
  isTerminal: boolean,
): Promise<FirstContactPolicy> {
  const expected = flags.genericSshHostKey ?? [];
  expected.forEach(expectedFingerprint);
  const chosen = flags.genericSshStrictHostKeyChecking ?? (isTerminal ? 'ask' : 'accept-new');
  const check: HostKeyCheck | undefined = hostKeyChecks.find((each) => each === chosen);
  if (check === undefined) {
    throw new AppError(
      'invalid',
      `--generic-ssh-strict-host-key-checking "${chosen}": use ${hostKeyChecks.join(', ')}`,
    );
  }
  return { check, expected, knownHosts: await readKnownHosts(process.env.HOME ?? homedir()) };
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

/**
 * Pins the host keys of machines that are contacted for the first time, before anything is sent to
 * them. Returns the pinned records and the failures.
 */
export async function pinHostKeys(
  provisioning: Pick<ProvisionContext, 'offeredHostKey'>,
  records: readonly MachineRecord[],
  flags: Pick<CreateFlags, 'genericSshHostKey' | 'genericSshStrictHostKeyChecking'>,
  dialog: HostKeyDialog,
): Promise<{ readonly pinned: readonly MachineRecord[]; readonly failures: readonly unknown[] }> {
  const policy = await policyOf(flags, dialog.isTerminal);
  const offers = records.map(async (record) => {
    if (record.Driver.SSHHostKey !== '') return undefined;
    const key = await provisioning.offeredHostKey(record);
    const { IPAddress: host, SSHPort: port } = record.Driver;
    return { machine: record.Name, host, port, key };
  });
  const settled = await Promise.allSettled(offers);
  const pinned: MachineRecord[] = [];
  const failures: unknown[] = [];
  // One question after the other.
  for (const [index, record] of records.entries()) {
    const offer = settled[index];
    try {
      if (offer?.status !== 'fulfilled') throw offer?.reason;
      const { value } = offer;
      const SSHHostKey =
        value === undefined ? record.Driver.SSHHostKey : await decide(policy, value, dialog);
      pinned.push({ ...record, Driver: { ...record.Driver, SSHHostKey } });
    } catch (error) {
      failures.push(error);
    }
  }
  return { pinned, failures };
}
