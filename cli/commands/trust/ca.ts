import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import { clusterAuthoritySubject, signRequest, validFor } from '../../../manager/common/pki/pki.js';
import type { CaMember, CaStatus } from '../../../manager/common/protocol/security.js';
import type { Cli } from '../../cli.js';
import type { ControlClient } from '../../client/client.js';
import { clusterAuthorityDays, userAuthority } from '../../certificates/authority.js';
import { MachineStore, storeFolder } from '../../inventory/machine-store.js';
import { parseLifetime } from '../../output/duration.js';
import { formatList } from '../../output/format.js';

export function caCommand(cli: Cli): Command {
  return new Command('ca')
    .description('Look after certificates and the keys that make and seal')
    .addCommand(statusCommand(cli))
    .addCommand(rotateCommand(cli))
    .addCommand(rotateKeyCommand(cli))
    .addCommand(setCommand(cli))
    .addCommand(revokeCommand(cli));
}

const short = (id: string): string => id.slice(0, 16);
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function statusCommand(cli: Cli): Command {
  return new Command('status')
    .description('Show the authority of the cluster and whose certificate comes from it')
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
    `authority ${short(authority.id)}, good until ${day(authority.notAfterMs)}; certificates of nodes last ${days} days`,
    ...(sealingKey === undefined ? [] : [`secrets are sealed with key ${sealingKey}`]),
    ...(rotation === undefined
      ? []
      : [
          `a rotation from authority ${short(rotation.from)} is under way: "shoal ca rotate" goes on`,
        ]),
    ...status.retiring.map(
      ({ authority: id, nodeId }) =>
        `authority ${short(id)} of removed manager ${nodeId} is refused once every node has renewed`,
    ),
    ...(refusedAuthorities.length === 0
      ? []
      : [`refused authorities: ${refusedAuthorities.map(short).join(', ')}`]),
    ...(refusedClients.length === 0
      ? []
      : [`refused certificates of clients: ${refusedClients.join(', ')}`]),
  ];
}

interface RotateFlags {
  readonly force?: boolean;
  readonly timeout: string;
}

function rotateCommand(cli: Cli): Command {
  return new Command('rotate')
    .description('Replace the authority of the cluster, while everything goes on')
    .option('--force', 'end it though some members still need the old authority: they are shut out')
    .option('--timeout <duration>', 'how long to wait for members to renew', '2m')
    .action(async (flags: RotateFlags) => {
      const timeoutMs = parseLifetime('--timeout', flags.timeout);
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const status = await client.call('ca.status', {}, { signal });
      if (status.rotation === undefined) await begin(cli, client);
      else cli.stderr.write('going on with the rotation that was begun\n');
      await untilRenewed(cli, client, flags.force === true ? 0 : timeoutMs);
      const force = flags.force === true;
      const { refused } = await client.call('ca.finish', { force }, { signal });
      await rememberRefused(cli, client.cluster, refused);
      const { authority } = await client.call('ca.status', {}, { signal });
      cli.stdout.write(
        `authority ${short(authority.id)} has taken over, ${short(refused)} is refused from now on\n`,
      );
      await tellOthers(cli, client);
    });
}

/** Each manager signs with an authority of its own: that of the leader is replaced. */
async function tellOthers(cli: Cli, client: ControlClient): Promise<void> {
  const { signal } = cli.interrupts;
  const [managers, nodes] = await Promise.all([
    client.call('manager.list', {}, { signal }),
    client.call('node.list', {}, { signal }),
  ]);
  for (const { nodeId, address, leader } of managers) {
    if (leader) continue;
    const name = nodes.find(({ id }) => id === nodeId)?.spec.name ?? address;
    cli.stderr.write(
      `manager ${name} has an authority of its own: "shoal manager demote ${name}" and "promote ${name}" replace it\n`,
    );
  }
}

/** The key of the next authority is made on the manager; its request is signed here. */
async function begin(cli: Cli, client: ControlClient): Promise<void> {
  const { signal } = cli.interrupts;
  const now = new Date(cli.now());
  const authority = await userAuthority(storeOf(cli), now);
  const { clusterId } = await client.call('info', {}, { signal });
  const { request } = await client.call('ca.request', {}, { signal });
  const certificate = await signRequest(authority, {
    request,
    subject: clusterAuthoritySubject(clusterId),
    alternativeNames: [],
    usage: 'cluster-authority',
    validity: validFor(now, clusterAuthorityDays),
  });
  await client.call('ca.install', { certificate }, { signal, timeoutMs: 60_000 });
  cli.stderr.write('a new authority signs from now on; both are trusted\n');
}

const lookMs = 1_000;

/** Tells how far it is; throws `timeout` that names who is late, and what can be done. */
async function untilRenewed(cli: Cli, client: ControlClient, timeoutMs: number): Promise<void> {
  const { signal } = cli.interrupts;
  const end = cli.now() + timeoutMs;
  let told = '';
  for (;;) {
    const { members } = await client.call('ca.status', {}, { signal });
    const late = members.filter(({ certificate }) => certificate !== 'current');
    const line = `${members.length - late.length} of ${members.length} have renewed${lateList(late)}`;
    if (line !== told) cli.stderr.write(`${line}\n`);
    told = line;
    if (late.length === 0 || timeoutMs === 0) return;
    if (cli.now() > end) {
      throw new AppError(
        'timeout',
        `the rotation is not over${lateList(late)}: bring them back and run it again, "shoal ca rotate --force" shuts them out, "shoal node rm" forgets them`,
      );
    }
    await delay(lookMs, undefined, { signal });
  }
}

function lateList(late: readonly CaMember[]): string {
  if (late.length === 0) return '';
  const shown = late.slice(0, 5).map(({ name, certificate }) => `${name} (${certificate})`);
  const more = late.length > shown.length ? `, ${late.length - shown.length} more` : '';
  return `, waiting for ${shown.join(', ')}${more}`;
}

/** From now on this computer does not believe a manager of the old authority either. */
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
  return new MachineStore(storeFolder(cli.options.storagePath, cli.env));
}

function rotateKeyCommand(cli: Cli): Command {
  return new Command('rotate-key')
    .description('Seal every secret in the store with a new key')
    .action(async () => {
      const client = await cli.connect();
      const options = { signal: cli.interrupts.signal, timeoutMs: 120_000 };
      const { sealed } = await client.call('ca.rotate-key', {}, options);
      cli.stdout.write(`${sealed} secrets are sealed with a new key\n`);
    });
}

function setCommand(cli: Cli): Command {
  return new Command('set')
    .description('Change how long certificates of workers and managers last')
    .requiredOption(
      '--certificate-lifetime <duration>',
      'such as 90d or 720h; from the next renewal',
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
    .description("Refuse a client's certificate from now on")
    .argument('<certificate>', 'its file, or its serial number in hex')
    .action(async (certificate: string) => {
      const serial = await serialOf(certificate);
      const client = await cli.connect();
      await client.call('ca.revoke', { serial }, { signal: cli.interrupts.signal });
      cli.stdout.write(`${serial}\n`);
    });
}

async function serialOf(certificate: string): Promise<string> {
  const pem = await readFile(certificate, 'utf8').catch(() => undefined);
  if (pem === undefined) return certificate.toLowerCase();
  try {
    return new X509Certificate(pem).serialNumber.toLowerCase();
  } catch (error) {
    throw new AppError('invalid', `${certificate} is no certificate`, { cause: error });
  }
}
