import type { Mount, Port, Project, ComposeService } from '../../../cli/compose/model.js';

/** The part of a container's `docker inspect` that the tests read. */
export interface Inspected {
  readonly Name: string;
  readonly Config: Readonly<Record<string, unknown>>;
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
    readonly RW: boolean;
    readonly Propagation: string;
  }[];
  readonly NetworkSettings: {
    readonly Networks: Readonly<
      Record<string, { readonly IPAMConfig?: { readonly IPv4Address?: string } | null }>
    >;
  };
}

/** The part of `config --format json` that the tests read. */
export type Model = Pick<
  Project,
  'name' | 'services' | 'networks' | 'volumes' | 'configs' | 'secrets'
>;

/** A container and the service of the file that it belongs to. */
export interface Container {
  readonly model: Model;
  readonly service: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly host: Readonly<Record<string, unknown>>;
  readonly inspected: Inspected;
}

/** The value in the file and the value in the engine, which must be equal. */
export interface Effect {
  readonly wanted: unknown;
  readonly seen: unknown;
}

/** Every wanted item must be present; an image or the engine may add more. */
export function within(wanted: readonly unknown[], all: unknown): Effect {
  const list = Array.isArray(all) ? all : [];
  return { wanted, seen: wanted.filter((item) => list.includes(item)) };
}

interface Binding {
  readonly HostIp: string;
  readonly HostPort: string;
}

/** A container gets one port of a host port range. */
export function portEffect(ports: readonly Port[], seen: unknown): Effect {
  const wanted: Record<string, Binding[]> = {};
  for (const { target, protocol, host_ip: HostIp = '', published: HostPort = '' } of ports)
    (wanted[`${String(target)}/${protocol}`] ??= []).push({ HostIp, HostPort });
  const bound = (seen ?? {}) as Readonly<Record<string, readonly Binding[]>>;
  return {
    wanted,
    seen: Object.fromEntries(
      Object.entries(bound).map(([port, list]) => [
        port,
        list.map(({ HostIp, HostPort }, index) => {
          const range = wanted[port]?.[index]?.HostPort ?? '';
          return { HostIp, HostPort: isWithin(HostPort, range) ? range : HostPort };
        }),
      ]),
    ),
  };
}

function isWithin(port: string, range: string): boolean {
  const [first = '', last] = range.split('-');
  return last !== undefined && Number(first) <= Number(port) && Number(port) <= Number(last);
}

export function networkEffect(
  value: NonNullable<ComposeService['networks']>,
  { model, inspected }: Container,
): Effect {
  const networks = inspected.NetworkSettings.Networks;
  const wanted = Object.entries(value).map(([key, attachment]) => {
    const name = model.networks[key]?.name ?? key;
    return [name, attachment?.ipv4_address ?? networks[name]?.IPAMConfig?.IPv4Address];
  });
  const seen = Object.entries(networks).map(([name, { IPAMConfig }]) => [
    name,
    IPAMConfig?.IPv4Address,
  ]);
  return { wanted: wanted.sort(), seen: seen.sort() };
}

export function mountEffect(value: readonly Mount[], { model, inspected }: Container): Effect {
  const targets = new Set(value.map(({ target }) => target));
  const wanted = value.map(({ type, source, target, read_only, bind }) => ({
    type,
    target,
    writable: read_only !== true,
    source:
      type === 'tmpfs' || source === undefined
        ? ''
        : type === 'volume'
          ? (model.volumes[source]?.name ?? source)
          : source.replace(/(?<=.)\/$/u, ''),
    propagation: bind?.propagation ?? (type === 'bind' ? 'rprivate' : ''),
  }));
  const anonymous = new Set(
    value.flatMap(({ type, source, target }) =>
      type === 'volume' && source === undefined ? [target] : [],
    ),
  );
  const seen = inspected.Mounts.filter(({ Destination }) => targets.has(Destination)).map(
    ({ Type, Name, Source, Destination, RW, Propagation }) => ({
      type: Type,
      target: Destination,
      writable: RW,
      source: anonymous.has(Destination) || Type === 'tmpfs' ? '' : (Name ?? Source),
      propagation: Propagation,
    }),
  );
  const order = (a: { target: string }, b: { target: string }): number =>
    a.target < b.target ? -1 : 1;
  return { wanted: wanted.sort(order), seen: seen.sort(order) };
}
