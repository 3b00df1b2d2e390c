import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import {
  clusterAuthoritySubject,
  signRequest,
  validityFor,
} from '../../../manager/common/pki/pki.js';
import type { CaMember, CaStatus } from '../../../manager/common/protocol/security.js';
import type { Cli } from '../../cli.js';
import type { ControlClient } from '../../client/client.js';
import { loadUserAuthority } from '../../certificates/authority.js';
import { clusterAuthorityDays } from '../../certificates/lifetimes.js';
import { protectAuthority, unprotectAuthority } from '../../certificates/protect-authority.js';
import { readPassphrase } from '../../certificates/passphrase.js';
import { MachineStore, resolveStoreFolder } from '../../inventory/machine-store.js';
import { parseLifetime } from '../../output/duration.js';
import { formatList } from '../../output/format.js';
import { replaceAnchors } from '../../machine/replace-anchors.js';
import { rotateRoot } from '../../machine/rotate-root.js';

export function caCommand(cli: Cli): Command {
  return new Command('ca')
    .description('Manage the cluster CA, its certificates and the encryption key')
    .addCommand(statusCommand(cli))
    .addCommand(rotateCommand(cli))
    .addCommand(rotateKeyCommand(cli))
    .addCommand(setCommand(cli))
    .addCommand(revokeCommand(cli))
    .addCommand(protectCommand(cli))
    .addCommand(unprotectCommand(cli));
}

const short = (id: string): string => id.slice(0, 16);
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function statusCommand(cli: Cli): Command {
  return new Command('status')
    .description('Show the cluster CA and the certificates that it issued')
    .option('--format <format>', 'table, json, or a template')
    .action(async (flags: { readonly format?: string }) => {
      const client = await cli.connect();
      const status = await client.call('ca.status', {}, { signal: cli.interrupts.signal });
      if (flags.format === undefined) cli.stdout.write(`${summary(status).join('\n')}\n\n`);
      const items = status.members.map(({ name, role, certificate }) => ({
        cells: [name, role, certificate],
        record: { Name: name, Role: role, Certificate: certificate },
      }));
      cli.stdout.write(formatList(flags.format, ['NAME', 'ROLE', 'CERTIFICATE'], items));
    });
}

function summary(status: CaStatus): readonly string[] {
  const { authority, rotation, refusedAuthorities, refusedClients, sealingKey } = status;
  const days = Math.round(status.certificateLifetimeMs / 86_400_000);
  return [
    `CA ${short(authority.id)}, valid until ${day(authority.notAfterMs)}; node certificates are valid for ${days} days`,
    ...(sealingKey === undefined ? [] : [`secrets are encrypted with key ${sealingKey}`]),
    ...(rotation === undefined
      ? []
      : [`rotation from CA ${short(rotation.from)} is in progress; "shoal ca rotate" resumes it`]),
    ...status.retiring.map(
      ({ authority: id, nodeId }) =>
        `CA ${short(id)} of removed manager ${nodeId} is retiring: revoked once every node has renewed`,
    ),
    ...(refusedAuthorities.length === 0
      ? []
      : [`revoked CAs: ${refusedAuthorities.map(short).join(', ')}`]),
    ...(refusedClients.length === 0
      ? []
      : [`revoked client certificates: ${refusedClients.join(', ')}`]),
  ];
}

interface RotateFlags {
  readonly root?: boolean;
  readonly engines?: boolean;
  readonly force?: boolean;
  readonly timeout: string;
}

function rotateCommand(cli: Cli): Command {
  return new Command('rotate')
    .description('Replace the cluster CA without downtime')
    .option('--engines', 'replace the CA that engines trust for their port instead')
    .option('--root', 'replace the root CA of this computer on all its machines instead')
    .option('--force', 'finish even if members still use the old CA; they lose access')
    .option(
      '--timeout <duration>',
      'how long to wait for members to renew their certificates',
      '2m',
    )
    .action(async (flags: RotateFlags) => {
      if (flags.engines === true) {
        await rotateEngines(cli);
        return;
      }
      if (flags.root === true) {
        await replaceRoot(cli, flags.force === true);
        return;
      }
      const timeoutMs = parseLifetime('--timeout', flags.timeout);
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const status = await client.call('ca.status', {}, { signal });
      if (status.rotation === undefined) await beginRotation(cli, client);
      else cli.stderr.write('resuming the rotation in progress\n');
      await untilRenewed(cli, client, flags.force === true ? 0 : timeoutMs);
      const force = flags.force === true;
      const { refused } = await client.call('ca.finish', { force }, { signal });
      await rememberRefused(cli, client.cluster, refused);
      const { authority } = await client.call('ca.status', {}, { signal });
      cli.stdout.write(`CA ${short(authority.id)} is active, CA ${short(refused)} is revoked\n`);
      await warnAboutOtherManagers(cli, client);
    });
}

async function replaceRoot(cli: Cli, force: boolean): Promise<void> {
  if (cli.options.dryRun === true) return;
  const { storagePath, progress } = cli.options;
  const left = await rotateRoot({
    ...(storagePath === undefined ? {} : { storagePath }),
    progress,
    force,
    say: (line) => cli.stderr.write(`${line}\n`),
  });
  cli.stdout.write(
    left.length === 0
      ? 'the root CA is replaced\n'
      : `the root CA is replaced, except on ${left.join(', ')}\n`,
  );
}

/** Needs no manager: a stolen certificate is refused by engines even if all managers are down. */
async function rotateEngines(cli: Cli): Promise<void> {
  const { failed } = await replaceAnchors(cli, 'all');
  if (failed.length === 0) return;
  const names = failed.map(({ name }) => name).join(', ');
  throw new AppError(
    'unavailable',
    `engines not reached: ${names}; provision them when they are back`,
  );
}

/** Each manager signs with its own CA; `ca rotate` replaces only the leader's. */
async function warnAboutOtherManagers(cli: Cli, client: ControlClient): Promise<void> {
  const { signal } = cli.interrupts;
  const [managers, nodes] = await Promise.all([
    client.call('manager.list', {}, { signal }),
    client.call('node.list', {}, { signal }),
  ]);
  for (const { nodeId, address, leader } of managers) {
    if (leader) continue;
    const name = nodes.find(({ id }) => id === nodeId)?.spec.name ?? address;
    cli.stderr.write(
      `manager ${name} keeps its own CA; replace it with "shoal manager demote ${name}", then "shoal manager promote ${name}"\n`,
    );
  }
}

/** Begins a rotation: the manager generates the next CA's key, and this computer signs its CSR. */
async function beginRotation(cli: Cli, client: ControlClient): Promise<void> {
  const { signal } = cli.interrupts;
  const now = new Date(cli.now());
  const authority = await loadUserAuthority(storeOf(cli), now);
  const { clusterId } = await client.call('info', {}, { signal });
  const { request } = await client.call('ca.request', {}, { signal });
  const certificate = await signRequest(await authority.unlock(), {
    request,
    subject: clusterAuthoritySubject(clusterId),
    alternativeNames: [],
    usage: 'cluster-authority',
    validity: validityFor(now, clusterAuthorityDays),
  });
  await client.call('ca.install', { certificate }, { signal, timeoutMs: 60_000 });
  cli.stderr.write('the new CA signs certificates; both CAs are trusted until the rotation ends\n');
}

const pollMs = 1_000;

/**
 * Waits until every member has renewed its certificate and prints the count. Throws `timeout` with
 * the late members and the options left; with a timeout of 0 it looks once and returns.
 */
async function untilRenewed(cli: Cli, client: ControlClient, timeoutMs: number): Promise<void> {
  const { signal } = cli.interrupts;
  const end = cli.now() + timeoutMs;
  let lastLine = '';
  for (;;) {
    const { members } = await client.call('ca.status', {}, { signal });
    const late = members.filter(({ certificate }) => certificate !== 'current');
    const line = `${members.length - late.length} of ${members.length} members renewed${lateList(late)}`;
    if (line !== lastLine) cli.stderr.write(`${line}\n`);
    lastLine = line;
    if (late.length === 0 || timeoutMs === 0) return;
    if (cli.now() > end) {
      throw new AppError(
        'timeout',
        `CA rotation: incomplete${lateList(late)}; bring them back and run "shoal ca rotate" again, lock them out with --force, or remove them with "shoal node rm"`,
      );
    }
    await delay(pollMs, undefined, { signal });
  }
}

function lateList(late: readonly CaMember[]): string {
  if (late.length === 0) return '';
  const shown = late.slice(0, 5).map(({ name, certificate }) => `${name} (${certificate})`);
  const more = late.length > shown.length ? `, ${late.length - shown.length} more` : '';
  return `, waiting for ${shown.join(', ')}${more}`;
}

/** Records the revoked CA, so that this client also rejects managers with its certificates. */
async function rememberRefused(cli: Cli, cluster: string, refused: string): Promise<void> {
  const store = storeOf(cli);
  if ((await store.findCluster(cluster)) === undefined) return;
  await store.updateCluster(cluster, (seen) =>
    seen === undefined
      ? undefined
      : { ...seen, refusedAuthorities: [...(seen.refusedAuthorities ?? []), refused] },
  );
}

function storeOf(cli: Cli): MachineStore {
  return new MachineStore(resolveStoreFolder(cli.options.storagePath, cli.env));
}

function rotateKeyCommand(cli: Cli): Command {
  return new Command('rotate-key')
    .description('Re-encrypt every secret in the store with a new key')
    .action(async () => {
      const client = await cli.connect();
      const options = { signal: cli.interrupts.signal, timeoutMs: 120_000 };
      const { sealed } = await client.call('ca.rotate-key', {}, options);
      cli.stdout.write(`${sealed} objects re-encrypted with a new key\n`);
    });
}

function setCommand(cli: Cli): Command {
  return new Command('set')
    .description('Set the lifetime of worker and manager certificates')
    .requiredOption(
      '--certificate-lifetime <duration>',
      'for example 90d or 720h; applies from the next renewal',
    )
    .action(async (flags: { readonly certificateLifetime: string }) => {
      const certificateLifetimeMs = parseLifetime(
        '--certificate-lifetime',
        flags.certificateLifetime,
      );
      const client = await cli.connect();
      await client.call('ca.set', { certificateLifetimeMs }, { signal: cli.interrupts.signal });
    });
}

function revokeCommand(cli: Cli): Command {
  return new Command('revoke')
    .description('Revoke a client certificate, at managers and engines')
    .argument('<certificate>', 'certificate file, or its serial number in hex')
    .action(async (certificate: string) => {
      const serial = await serialOf(certificate);
      const client = await cli.connect();
      await client.call('ca.revoke', { serial }, { signal: cli.interrupts.signal });
      cli.stdout.write(`${serial}\n`);
      await replaceAnchors(cli, 'all');
    });
}

async function serialOf(certificate: string): Promise<string> {
  const pem = await readFile(certificate, 'utf8').catch(() => undefined);
  if (pem === undefined) return certificate.toLowerCase();
  try {
    return new X509Certificate(pem).serialNumber.toLowerCase();
  } catch (error) {
    throw new AppError(
      'invalid',
      `${certificate}: not a certificate; use a PEM file or a serial number in hex`,
      { cause: error },
    );
  }
}

const fileFlag = [
  '--passphrase-file <file>',
  'file with the passphrase, - for stdin (default: SHOAL_CA_PASSPHRASE_FILE, or asked for)',
] as const;

interface ProtectionFlags {
  readonly passphraseFile?: string;
}

function protectCommand(cli: Cli): Command {
  return new Command('protect')
    .description("Encrypt the key of this computer's root CA with a passphrase")
    .option(...fileFlag)
    .action(async ({ passphraseFile }: ProtectionFlags) => {
      await protectAuthority(storeOf(cli), () => readPassphrase('protect', passphraseFile));
      cli.stderr.write(
        'the key of the root CA is encrypted; commands that sign with it ask for the passphrase\n',
      );
    });
}

function unprotectCommand(cli: Cli): Command {
  return new Command('unprotect')
    .description("Store the key of this computer's root CA without a passphrase")
    .option(...fileFlag)
    .action(async ({ passphraseFile }: ProtectionFlags) => {
      await unprotectAuthority(storeOf(cli), () => readPassphrase('unlock', passphraseFile));
      cli.stderr.write('the key of the root CA is no longer encrypted\n');
    });
}
