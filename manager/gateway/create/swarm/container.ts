import { AppError } from '../../../common/base/errors.js';
import type { ContainerSpec, FileMount, NetworkMode } from '../../../common/model/container.js';
import type { Json, JsonObject } from '../../../common/model/meta.js';
import { hasTemplate } from '../../../common/model/template.js';
import type { VolumeSpec } from '../../../common/model/network.js';
import { secretFolder } from '../../translate/swarm/container.js';
import { withoutStack } from '../../translate/swarm/object.js';
import { planMounts } from '../mounts.js';
import { environment, healthcheckOf } from '../to-service.js';
import { invalidArgument } from './names.js';
import type { ConfigBody, SecretBody, SwarmContainerBody, TemplateBody } from './service-body.js';

const nanosPerMs = 1_000_000;

interface ContainerContext {
  readonly project: string;
  readonly networkMode: NetworkMode;
  readonly logDriver: TemplateBody['LogDriver'];
}

interface ContainerPlan {
  readonly container: ContainerSpec;
  readonly volumes: readonly VolumeSpec[];
}

/** Translates `ContainerSpec` and `LogDriver`. Throws `invalid` or `unsupported`. */
export function planContainer(body: SwarmContainerBody, context: ContainerContext): ContainerPlan {
  const { Image: image = '' } = body;
  if (image === '') throw invalidArgument('ContainerSpec: image reference must be provided');
  refuseUnsupported(body);
  const { mounts, volumes } = planMounts({ Mounts: body.Mounts ?? [] });
  const container: ContainerSpec = {
    ...{ image, pullPolicy: 'missing', env: environment(body.Env ?? []) },
    labels: withoutStack(context.project, body.Labels ?? {}),
    ...{ mounts, engineRestart: { name: 'no' }, networkMode: context.networkMode },
    ...processOf(body),
    ...namesOf(body),
    files: [...(body.Secrets ?? []).map(secretFile), ...(body.Configs ?? []).map(configFile)],
    config: textsOf({ User: body.User, WorkingDir: body.Dir }),
    hostConfig: hostConfigOf(body, context.logDriver),
  };
  const isTemplated = hasTemplate(container);
  const named = volumes.filter(({ name }) => !name.includes('{{'));
  return { container: isTemplated ? { ...container, templated: true } : container, volumes: named };
}

type ProcessFields =
  'command' | 'entrypoint' | 'healthcheck' | 'stopSignal' | 'stopGraceMs' | 'tty' | 'stdinOpen';

function processOf({
  Command: command = [],
  Args: args = [],
  Healthcheck: check,
  StopSignal: signal = '',
  StopGracePeriod: grace,
  TTY: tty = false,
  OpenStdin: stdinOpen = false,
}: SwarmContainerBody): Pick<ContainerSpec, ProcessFields> {
  return {
    ...(args.length === 0 ? {} : { command: args }),
    ...(command.length === 0 ? {} : { entrypoint: command }),
    ...(check === undefined ? {} : { healthcheck: healthcheckOf(check) }),
    ...(signal === '' ? {} : { stopSignal: signal }),
    ...(grace === undefined ? {} : { stopGraceMs: Math.round(grace / nanosPerMs) }),
    ...{ tty, stdinOpen },
  };
}

function namesOf({
  Hostname: hostname = '',
  DNSConfig: { Nameservers: dns = [], Search: dnsSearch = [], Options: dnsOptions = [] } = {},
  Hosts: hosts = [],
}: SwarmContainerBody): Pick<
  ContainerSpec,
  'hostname' | 'dns' | 'dnsSearch' | 'dnsOptions' | 'extraHosts'
> {
  return {
    ...(hostname === '' ? {} : { hostname }),
    ...{ dns, dnsSearch, dnsOptions, extraHosts: hosts.flatMap(hostsOf) },
  };
}

function refuseUnsupported({
  Privileges: privileges = {},
  Isolation = '',
  Configs = [],
}: SwarmContainerBody): void {
  const { CredentialSpec: credential } = privileges;
  if (credential !== undefined && Object.values(credential).some((value) => value !== '')) {
    throw new AppError(
      'unsupported',
      'CredentialSpec: not supported by the cluster; it is for containers of Windows',
    );
  }
  if (Isolation !== '' && Isolation !== 'default') {
    throw new AppError(
      'unsupported',
      `Isolation ${Isolation}: not supported by the cluster; it is for containers of Windows`,
    );
  }
  if (Configs.some(({ Runtime }) => Runtime !== undefined)) {
    throw new AppError('unsupported', 'Configs.Runtime: not supported by the cluster; use File');
  }
}

function textsOf(values: Readonly<Record<string, string | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) =>
      value === undefined || value === '' ? [] : [[key, value]],
    ),
  );
}

/** A line of a hosts file, `address name...`, as one entry a name. */
function hostsOf(line: string): readonly string[] {
  const [address = '', ...names] = line.trim().split(/\s+/u);
  if (names.length === 0) throw invalidArgument(`invalid host entry: ${line}`);
  return names.map((name) => `${name}:${address}`);
}

const defaultFileMode = 0o444;

function fileOf(
  kind: FileMount['kind'],
  source: string,
  { target, body = {} }: { readonly target: string; readonly body: SecretBody['File'] },
): FileMount {
  const { UID: uid = '0', GID: gid = '0', Mode: mode = defaultFileMode } = body;
  return { kind, source, target, uid, gid, mode };
}

function secretFile({ File: body, SecretName: source = '' }: SecretBody): FileMount {
  if (source === '') throw invalidArgument('malformed secret reference');
  if (body === undefined)
    throw invalidArgument(`secret reference ${source}: target must be a file`);
  const name = body.Name ?? source;
  return fileOf('secret', source, {
    target: name.startsWith('/') ? name : secretFolder + name,
    body,
  });
}

function configFile({ File: body, ConfigName: source = '' }: ConfigBody): FileMount {
  if (source === '') throw invalidArgument('malformed config reference');
  if (body === undefined)
    throw invalidArgument(`config reference ${source}: target must be a file`);
  const name = body.Name ?? source;
  return fileOf('config', source, { target: name.startsWith('/') ? name : `/${name}`, body });
}

/** The options that only the engine reads; absent and empty ones are left out. */
function hostConfigOf(
  body: SwarmContainerBody,
  { Name: driver = '', Options: options = {} }: TemplateBody['LogDriver'] = {},
): JsonObject {
  const security = securityOf(body.Privileges);
  const entries: Readonly<Record<string, Json | undefined>> = {
    GroupAdd: listOf(body.Groups),
    ReadonlyRootfs: body.ReadOnly === true ? true : undefined,
    Init: body.Init,
    Sysctls: Object.keys(body.Sysctls ?? {}).length === 0 ? undefined : body.Sysctls,
    CapAdd: listOf(body.CapabilityAdd),
    CapDrop: listOf(body.CapabilityDrop),
    Ulimits:
      body.Ulimits === undefined || body.Ulimits.length === 0
        ? undefined
        : body.Ulimits.map(({ Name, Hard, Soft }) => ({ Name, Hard, Soft })),
    OomScoreAdj: body.OomScoreAdj === 0 ? undefined : body.OomScoreAdj,
    SecurityOpt: security.length === 0 ? undefined : security,
    LogConfig: driver === '' ? undefined : { Type: driver, Config: options },
  };
  return Object.fromEntries(
    Object.entries(entries).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
}

function listOf(values: readonly string[] | undefined): readonly string[] | undefined {
  return values === undefined || values.length === 0 ? undefined : values;
}

/** Security options of the engine from `Privileges`. */
function securityOf(privileges: SwarmContainerBody['Privileges'] = {}): readonly string[] {
  const { Seccomp: seccomp = {}, AppArmor: armor = {}, SELinuxContext: context } = privileges;
  const profile = Buffer.from(seccomp.Profile ?? '', 'base64').toString();
  return [
    ...(privileges.NoNewPrivileges === true ? ['no-new-privileges=true'] : []),
    ...(seccomp.Mode === 'unconfined' ? ['seccomp=unconfined'] : []),
    ...(seccomp.Mode === 'custom' ? [`seccomp=${profile}`] : []),
    ...(armor.Mode === 'disabled' ? ['apparmor=unconfined'] : []),
    ...selinuxOf(context),
  ];
}

function selinuxOf({
  Disable: isDisabled = false,
  ...context
}: NonNullable<SwarmContainerBody['Privileges']>['SELinuxContext'] = {}): readonly string[] {
  if (isDisabled) return ['label=disable'];
  return (['User', 'Role', 'Type', 'Level'] as const).flatMap((key) => {
    const { [key]: value = '' } = context;
    return value === '' ? [] : [`label=${key.toLowerCase()}:${value}`];
  });
}
