import type { Decoder } from '../../../common/base/decode.js';
import {
  anything,
  array,
  boolean,
  count,
  decode,
  dictionary,
  fields,
  integer,
  mustBe,
  nonEmptyString,
  number,
  object,
  optionalOrNull,
  orElse,
  string,
  type Fields,
} from '../../../common/base/decode.js';
import { healthcheckBody, mountBody } from '../create-body.js';

/*
 * Decoders of Swarm mode's service spec. Unknown fields are ignored, as the Docker Engine does.
 */

const notNegative: Decoder<number> = (value, at) => {
  if (number(value, at) < 0) throw mustBe(at, 'a non-negative number');
  return number(value, at);
};

const text = optionalOrNull(string);
const flag = optionalOrNull(boolean);
/** Nanoseconds. */
const duration = optionalOrNull(notNegative);
const whole = optionalOrNull(count);
/** Amounts that may be negative, or are refused with Swarm mode's words. */
const signed = optionalOrNull(integer);
const texts = optionalOrNull(array(string));
const textMap = optionalOrNull(dictionary(string));
const part = optionalOrNull(fields);

interface FileBody {
  readonly Name?: string;
  readonly UID?: string;
  readonly GID?: string;
  readonly Mode?: number;
}
const file = object<FileBody>({ Name: text, UID: text, GID: text, Mode: whole });

export interface SecretBody {
  readonly File?: FileBody;
  readonly SecretName?: string;
  readonly SecretID?: string;
}
export interface ConfigBody {
  readonly File?: FileBody;
  readonly Runtime?: Fields;
  readonly ConfigName?: string;
  readonly ConfigID?: string;
}

interface UlimitBody {
  readonly Name: string;
  readonly Hard: number;
  readonly Soft: number;
}
const ulimit = object<UlimitBody>({
  Name: nonEmptyString,
  Hard: orElse(integer, 0),
  Soft: orElse(integer, 0),
});

interface SelinuxBody {
  readonly Disable?: boolean;
  readonly User?: string;
  readonly Role?: string;
  readonly Type?: string;
  readonly Level?: string;
}
const selinux = object<SelinuxBody>({
  ...{ Disable: flag, User: text, Role: text, Type: text, Level: text },
});

interface PrivilegesBody {
  readonly CredentialSpec?: Fields;
  readonly SELinuxContext?: SelinuxBody;
  readonly Seccomp?: { readonly Mode?: string; readonly Profile?: string };
  readonly AppArmor?: { readonly Mode?: string };
  readonly NoNewPrivileges?: boolean;
}

const swarmContainerBody = object<{
  readonly Image?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly Command?: readonly string[];
  readonly Args?: readonly string[];
  readonly Hostname?: string;
  readonly Env?: readonly string[];
  readonly Dir?: string;
  readonly User?: string;
  readonly Groups?: readonly string[];
  readonly Privileges?: PrivilegesBody;
  readonly Init?: boolean;
  readonly StopSignal?: string;
  readonly TTY?: boolean;
  readonly OpenStdin?: boolean;
  readonly ReadOnly?: boolean;
  readonly Mounts?: readonly ReturnType<typeof mountBody>[];
  readonly StopGracePeriod?: number;
  readonly Healthcheck?: ReturnType<typeof healthcheckBody>;
  readonly Hosts?: readonly string[];
  readonly DNSConfig?: {
    readonly Nameservers?: readonly string[];
    readonly Search?: readonly string[];
    readonly Options?: readonly string[];
  };
  readonly Secrets?: readonly SecretBody[];
  readonly Configs?: readonly ConfigBody[];
  readonly Isolation?: string;
  readonly Sysctls?: Readonly<Record<string, string>>;
  readonly CapabilityAdd?: readonly string[];
  readonly CapabilityDrop?: readonly string[];
  readonly Ulimits?: readonly UlimitBody[];
  readonly OomScoreAdj?: number;
}>({
  Image: text,
  Labels: textMap,
  Command: texts,
  Args: texts,
  Hostname: text,
  Env: texts,
  Dir: text,
  User: text,
  Groups: texts,
  Privileges: optionalOrNull(
    object<PrivilegesBody>({
      CredentialSpec: part,
      SELinuxContext: optionalOrNull(selinux),
      Seccomp: optionalOrNull(
        object<{ readonly Mode?: string; readonly Profile?: string }>({
          Mode: text,
          Profile: text,
        }),
      ),
      AppArmor: optionalOrNull(object<{ readonly Mode?: string }>({ Mode: text })),
      NoNewPrivileges: flag,
    }),
  ),
  Init: flag,
  StopSignal: text,
  TTY: flag,
  OpenStdin: flag,
  ReadOnly: flag,
  Mounts: optionalOrNull(array(mountBody)),
  StopGracePeriod: duration,
  Healthcheck: optionalOrNull(healthcheckBody),
  Hosts: texts,
  DNSConfig: optionalOrNull(
    object<{
      readonly Nameservers?: readonly string[];
      readonly Search?: readonly string[];
      readonly Options?: readonly string[];
    }>({ Nameservers: texts, Search: texts, Options: texts }),
  ),
  Secrets: optionalOrNull(
    array(object<SecretBody>({ File: optionalOrNull(file), SecretName: text, SecretID: text })),
  ),
  Configs: optionalOrNull(
    array(
      object<ConfigBody>({
        File: optionalOrNull(file),
        Runtime: part,
        ConfigName: text,
        ConfigID: text,
      }),
    ),
  ),
  Isolation: text,
  Sysctls: textMap,
  CapabilityAdd: texts,
  CapabilityDrop: texts,
  Ulimits: optionalOrNull(array(ulimit)),
  OomScoreAdj: signed,
});
export type SwarmContainerBody = ReturnType<typeof swarmContainerBody>;

const update = object<{
  readonly Parallelism?: number;
  readonly Delay?: number;
  readonly FailureAction?: string;
  readonly Monitor?: number;
  readonly MaxFailureRatio?: number;
  readonly Order?: string;
}>({
  Parallelism: whole,
  Delay: duration,
  FailureAction: text,
  Monitor: duration,
  MaxFailureRatio: optionalOrNull(number),
  Order: text,
});
export type UpdateBody = ReturnType<typeof update>;

const restart = object<{
  readonly Condition?: string;
  readonly Delay?: number;
  readonly MaxAttempts?: number;
  readonly Window?: number;
}>({ Condition: text, Delay: duration, MaxAttempts: whole, Window: duration });
export type RestartBody = ReturnType<typeof restart>;

interface LimitsBody {
  readonly NanoCPUs?: number;
  readonly MemoryBytes?: number;
  readonly Pids?: number;
}
interface ReservationsBody {
  readonly NanoCPUs?: number;
  readonly MemoryBytes?: number;
  readonly GenericResources?: readonly unknown[];
}
const resources = object<{
  readonly Limits?: LimitsBody;
  readonly Reservations?: ReservationsBody;
}>({
  Limits: optionalOrNull(
    object<LimitsBody>({ NanoCPUs: signed, MemoryBytes: signed, Pids: signed }),
  ),
  Reservations: optionalOrNull(
    object<ReservationsBody>({
      NanoCPUs: signed,
      MemoryBytes: signed,
      GenericResources: optionalOrNull(array(anything)),
    }),
  ),
});
export type ResourcesBody = ReturnType<typeof resources>;

interface SpreadBody {
  readonly SpreadDescriptor?: string;
}
interface PreferenceBody {
  readonly Spread?: SpreadBody;
}
const placement = object<{
  readonly Constraints?: readonly string[];
  readonly Preferences?: readonly PreferenceBody[];
  readonly MaxReplicas?: number;
}>({
  Constraints: texts,
  Preferences: optionalOrNull(
    array(
      object<PreferenceBody>({
        Spread: optionalOrNull(object<SpreadBody>({ SpreadDescriptor: text })),
      }),
    ),
  ),
  MaxReplicas: whole,
});
export type PlacementBody = ReturnType<typeof placement>;

const attachment = object<{
  readonly Target?: string;
  readonly Aliases?: readonly string[];
  readonly DriverOpts?: Readonly<Record<string, string>>;
}>({ Target: text, Aliases: texts, DriverOpts: textMap });
export type AttachmentBody = ReturnType<typeof attachment>;

interface LogDriverBody {
  readonly Name?: string;
  readonly Options?: Readonly<Record<string, string>>;
}

const template = object<{
  readonly PluginSpec?: Fields;
  readonly NetworkAttachmentSpec?: Fields;
  readonly ContainerSpec?: SwarmContainerBody;
  readonly Resources?: ResourcesBody;
  readonly RestartPolicy?: RestartBody;
  readonly Placement?: PlacementBody;
  readonly Networks?: readonly AttachmentBody[];
  readonly LogDriver?: LogDriverBody;
  readonly ForceUpdate?: number;
  readonly Runtime?: string;
}>({
  PluginSpec: part,
  NetworkAttachmentSpec: part,
  ContainerSpec: optionalOrNull(swarmContainerBody),
  Resources: optionalOrNull(resources),
  RestartPolicy: optionalOrNull(restart),
  Placement: optionalOrNull(placement),
  Networks: optionalOrNull(array(attachment)),
  LogDriver: optionalOrNull(object<LogDriverBody>({ Name: text, Options: textMap })),
  ForceUpdate: whole,
  Runtime: text,
});
export type TemplateBody = ReturnType<typeof template>;

interface ReplicatedBody {
  readonly Replicas?: number;
}
interface JobBody {
  readonly MaxConcurrent?: number;
  readonly TotalCompletions?: number;
}
const mode = object<{
  readonly Replicated?: ReplicatedBody;
  readonly Global?: Fields;
  readonly ReplicatedJob?: JobBody;
  readonly GlobalJob?: Fields;
}>({
  Replicated: optionalOrNull(object<ReplicatedBody>({ Replicas: whole })),
  Global: part,
  ReplicatedJob: optionalOrNull(object<JobBody>({ MaxConcurrent: whole, TotalCompletions: whole })),
  GlobalJob: part,
});
export type ModeBody = ReturnType<typeof mode>;

const port = object<{
  readonly Protocol?: string;
  readonly TargetPort?: number;
  readonly PublishedPort?: number;
  readonly PublishMode?: string;
}>({ Protocol: text, TargetPort: whole, PublishedPort: whole, PublishMode: text });
export type PortBody = ReturnType<typeof port>;

interface EndpointSpecBody {
  readonly Mode?: string;
  readonly Ports?: readonly PortBody[];
}

const serviceBody = object<{
  readonly Name?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly TaskTemplate?: TemplateBody;
  readonly Mode?: ModeBody;
  readonly UpdateConfig?: UpdateBody;
  readonly RollbackConfig?: UpdateBody;
  readonly Networks?: readonly AttachmentBody[];
  readonly EndpointSpec?: EndpointSpecBody;
}>({
  Name: text,
  Labels: textMap,
  TaskTemplate: optionalOrNull(template),
  Mode: optionalOrNull(mode),
  UpdateConfig: optionalOrNull(update),
  RollbackConfig: optionalOrNull(update),
  Networks: optionalOrNull(array(attachment)),
  EndpointSpec: optionalOrNull(
    object<EndpointSpecBody>({ Mode: text, Ports: optionalOrNull(array(port)) }),
  ),
});
export type ServiceBody = ReturnType<typeof serviceBody>;

/** Decodes Swarm mode's service spec. Throws `invalid` for mistyped fields. */
export function decodeServiceBody(value: unknown): ServiceBody {
  return decode(value, serviceBody, 'service');
}
