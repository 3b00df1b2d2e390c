import type { ContainerSpec, FileMount, HealthcheckSpec } from '../../../common/model/container.js';
import type { Json, JsonObject } from '../../../common/model/meta.js';
import type { StoreView } from '../../../store/store.js';
import { toSwarmMount } from './mounts.js';
import { compact, withStack } from './object.js';

/** Finds the objects that a spec names. */
export type ObjectNames = Pick<
  StoreView,
  'networkByName' | 'secretByName' | 'configByName' | 'volumeByName'
>;

const nanosPerMs = 1_000_000;
/** Folder of secrets without a path of their own. */
export const secretFolder = '/run/secrets/';

/** `ContainerSpec` of the swarm mode API; options that it lacks are left out. */
export function toSwarmContainer(
  spec: ContainerSpec,
  { project, names }: { readonly project: string; readonly names: ObjectNames },
): Readonly<Record<string, unknown>> {
  const { config } = spec;
  return {
    Image: spec.image,
    ...compact({
      Labels: withStack(project, spec.labels),
      Command: spec.entrypoint,
      Args: spec.command,
      Hostname: spec.hostname,
      Env: Object.entries(spec.env).map(([name, value]) =>
        value === null ? name : `${name}=${value}`,
      ),
      Dir: config.WorkingDir,
      User: config.User,
      TTY: spec.tty,
      OpenStdin: spec.stdinOpen,
      Mounts: spec.mounts.map((mount) =>
        toSwarmMount(
          mount,
          mount.type === 'volume' ? names.volumeByName(mount.source ?? '')?.spec : undefined,
        ),
      ),
      StopSignal: spec.stopSignal,
      StopGracePeriod: spec.stopGraceMs === undefined ? undefined : spec.stopGraceMs * nanosPerMs,
      Healthcheck: spec.healthcheck && toHealthcheck(spec.healthcheck),
      Hosts: spec.extraHosts.map(toHost),
      DNSConfig: compact({
        Nameservers: spec.dns,
        Search: spec.dnsSearch,
        Options: spec.dnsOptions,
      }),
      Secrets: spec.files.flatMap((file) =>
        file.kind === 'secret' ? [toSecret(file, names)] : [],
      ),
      Configs: spec.files.flatMap((file) =>
        file.kind === 'config' ? [toConfig(file, names)] : [],
      ),
      ...hostOptions(spec.hostConfig),
    }),
    ...(spec.hostConfig.Init === undefined ? {} : { Init: spec.hostConfig.Init }),
    Isolation: spec.hostConfig.Isolation ?? 'default',
  };
}

/** Options of `HostConfig` that the swarm mode API has too. */
function hostOptions(host: JsonObject): Readonly<Record<string, Json | object | undefined>> {
  return {
    Groups: host.GroupAdd,
    ReadOnly: host.ReadonlyRootfs,
    Sysctls: host.Sysctls,
    CapabilityAdd: host.CapAdd,
    CapabilityDrop: host.CapDrop,
    Ulimits: host.Ulimits,
    OomScoreAdj: host.OomScoreAdj === 0 ? undefined : host.OomScoreAdj,
    Privileges: toPrivileges(host.SecurityOpt),
  };
}

/** `Privileges` from the engine's security options; other options are left out. */
function toPrivileges(options: Json | undefined): object {
  const list = Array.isArray(options) ? options.map(String) : [];
  const valueOf = (key: string): string | undefined =>
    list
      .find((option) => option.startsWith(`${key}=`) || option.startsWith(`${key}:`))
      ?.slice(key.length + 1);
  const seccomp = valueOf('seccomp');
  const labels = list.flatMap(
    (option) => /^label[=:](\w+)(?::(.*))?$/u.exec(option)?.slice(1) ?? [],
  );
  return compact({
    NoNewPrivileges: list.some((option) => /^no-new-privileges(?:[=:]true)?$/u.test(option)),
    Seccomp: compact(
      seccomp === undefined
        ? {}
        : seccomp === 'unconfined'
          ? { Mode: 'unconfined' }
          : { Mode: 'custom', Profile: Buffer.from(seccomp).toString('base64') },
    ),
    AppArmor: compact(valueOf('apparmor') === 'unconfined' ? { Mode: 'disabled' } : {}),
    SELinuxContext: toContext(labels),
  });
}

/** SELinux context from pairs of key and value. */
function toContext(pairs: readonly (string | undefined)[]): object {
  const keys: Readonly<Record<string, string>> = {
    ...{ user: 'User', role: 'Role', type: 'Type', level: 'Level' },
  };
  const entries = pairs.flatMap((key, at): readonly (readonly [string, string | boolean])[] => {
    if (at % 2 === 1 || key === undefined) return [];
    if (key === 'disable') return [['Disable', true]];
    const name = keys[key];
    return name === undefined ? [] : [[name, pairs[at + 1] ?? '']];
  });
  return Object.fromEntries(entries);
}

function toHealthcheck(check: HealthcheckSpec): object {
  const nanos = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : Math.round(ms * nanosPerMs);
  return compact({
    Test: check.test,
    Interval: nanos(check.intervalMs),
    Timeout: nanos(check.timeoutMs),
    StartPeriod: nanos(check.startPeriodMs),
    StartInterval: nanos(check.startIntervalMs),
    Retries: check.retries,
  });
}

/** `name:address` as a line of a hosts file. */
function toHost(text: string): string {
  const at = text.indexOf(':');
  return at === -1 ? text : `${text.slice(at + 1)} ${text.slice(0, at)}`;
}

function fileOf({ target, uid, gid, mode }: FileMount): object {
  return { Name: target, UID: uid === '' ? '0' : uid, GID: gid === '' ? '0' : gid, Mode: mode };
}

function toSecret(file: FileMount, names: ObjectNames): object {
  const { source, target } = file;
  const name = target.startsWith(secretFolder) ? target.slice(secretFolder.length) : target;
  return {
    File: fileOf({ ...file, target: name }),
    SecretID: names.secretByName(source)?.id ?? '',
    SecretName: source,
  };
}

function toConfig(file: FileMount, names: ObjectNames): object {
  return {
    File: fileOf(file),
    ConfigID: names.configByName(file.source)?.id ?? '',
    ConfigName: file.source,
  };
}
