import {
  array,
  boolean,
  decode,
  dictionary,
  object,
  optionalOrNull,
  string,
} from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import { tryParseIp } from '../../common/address/ip.js';
import { covers, parseCidr } from '../../common/address/cidr.js';
import { stackLabel, withoutStack } from '../translate/swarm/object.js';
import type { NetworkSpec } from '../../common/model/network.js';

interface AddressPool {
  readonly Subnet?: string;
  readonly IPRange?: string;
  readonly Gateway?: string;
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>;
}
interface IpamBody {
  readonly Driver?: string;
  readonly Config?: readonly AddressPool[];
}

const networkBody = object<{
  readonly Name: string;
  readonly Driver?: string;
  readonly IPAM?: IpamBody;
  readonly EnableIPv4?: boolean;
  readonly EnableIPv6?: boolean;
  readonly Internal?: boolean;
  readonly Attachable?: boolean;
  readonly Ingress?: boolean;
  readonly ConfigOnly?: boolean;
  readonly ConfigFrom?: { readonly Network?: string };
  readonly Options?: Readonly<Record<string, string>>;
  readonly Labels?: Readonly<Record<string, string>>;
}>({
  Name: string,
  Driver: optionalOrNull(string),
  IPAM: optionalOrNull(
    object<IpamBody>({
      Driver: optionalOrNull(string),
      Config: optionalOrNull(
        array(
          object<AddressPool>({
            Subnet: optionalOrNull(string),
            IPRange: optionalOrNull(string),
            Gateway: optionalOrNull(string),
            AuxiliaryAddresses: optionalOrNull(dictionary(string)),
          }),
        ),
      ),
    }),
  ),
  EnableIPv4: optionalOrNull(boolean),
  EnableIPv6: optionalOrNull(boolean),
  Internal: optionalOrNull(boolean),
  Attachable: optionalOrNull(boolean),
  Ingress: optionalOrNull(boolean),
  ConfigOnly: optionalOrNull(boolean),
  ConfigFrom: optionalOrNull(
    object<{ readonly Network?: string }>({ Network: optionalOrNull(string) }),
  ),
  Options: optionalOrNull(dictionary(string)),
  Labels: optionalOrNull(dictionary(string)),
});
type NetworkBody = ReturnType<typeof networkBody>;

/** Networks that every engine has; no other network may have one of these names. */
export const predefinedNetworks: ReadonlySet<string> = new Set(['bridge', 'host', 'none']);

/**
 * Decodes the body of `POST /networks/create`. A bridge also becomes a network of the cluster:
 * stock docker requests that driver unless told otherwise, and containers of one host's bridge
 * reach each other. Throws `invalid`, `forbidden`, `not-found` or `unsupported`.
 */
export function decodeNetworkBody(value: unknown): NetworkSpec {
  const body = decode(value, networkBody, 'network');
  const { Name: name, Labels: labels = {} } = body;
  if (predefinedNetworks.has(name)) {
    throw new AppError('forbidden', `operation is not permitted on predefined ${name} network`);
  }
  checkDriver(body.Driver ?? '');
  refuseUnsupported(body);
  const stack = labels[stackLabel] ?? '';
  const project = labels['com.docker.compose.project'] ?? stack;
  return {
    ...{ name, project, key: labels['com.docker.compose.network'] ?? keyOf(name, stack) },
    driver: 'overlay',
    ...addressesOf(body.IPAM ?? {}),
    internal: body.Internal ?? false,
    // Any client may attach a container, as to a bridge.
    attachable: true,
    labels: withoutStack(project, labels),
    driverOpts: body.Options ?? {},
  };
}

/** Key of a stack's network in its file. */
function keyOf(name: string, stack: string): string {
  return stack !== '' && name.startsWith(`${stack}_`) ? name.slice(stack.length + 1) : name;
}

function checkDriver(driver: string): void {
  if (['', 'default', 'overlay', 'bridge'].includes(driver)) return;
  if (driver === 'host' || driver === 'null') {
    throw new AppError('forbidden', `only one instance of "${driver}" network is allowed`);
  }
  if (driver === 'macvlan' || driver === 'ipvlan') {
    throw new AppError(
      'unsupported',
      `network driver ${driver}: not supported by the cluster; use driver overlay`,
    );
  }
  throw new AppError('not-found', `plugin "${driver}" not found`);
}

/** Throws `unsupported` for options that the cluster lacks, by name. */
function refuseUnsupported(body: NetworkBody): void {
  const { IPAM = {} } = body;
  const option = [
    body.EnableIPv6 === true ? 'EnableIPv6' : '',
    body.EnableIPv4 === false ? 'EnableIPv4=false' : '',
    body.Ingress === true ? 'Ingress' : '',
    body.ConfigOnly === true ? 'ConfigOnly' : '',
    (body.ConfigFrom?.Network ?? '') === '' ? '' : 'ConfigFrom',
    ['', 'default'].includes(IPAM.Driver ?? '') ? '' : `IPAM driver ${IPAM.Driver ?? ''}`,
    (IPAM.Config ?? []).length > 1 ? 'IPAM.Config with several subnets' : '',
  ].find((each) => each !== '');
  if (option === undefined) return;
  throw new AppError('unsupported', `network ${body.Name}: ${option} is not supported`);
}

function addressesOf({
  Config: [pool = {}] = [],
}: IpamBody): Pick<NetworkSpec, 'subnet' | 'ipRange' | 'gateway' | 'reserved'> {
  const { Subnet = '', IPRange = '', Gateway = '', AuxiliaryAddresses = {} } = pool;
  const reserved = Object.values(AuxiliaryAddresses);
  if (Subnet === '') {
    const other = [IPRange, Gateway, ...reserved].find((each) => each !== '');
    if (other === undefined) return {};
    throw new AppError('invalid', `no matching subnet for address ${other}`);
  }
  checkInside(Subnet, IPRange, [...(Gateway === '' ? [] : [Gateway]), ...reserved]);
  return {
    subnet: Subnet,
    ...(IPRange === '' ? {} : { ipRange: IPRange }),
    ...(Gateway === '' ? {} : { gateway: Gateway }),
    ...(reserved.length === 0 ? {} : { reserved }),
  };
}

function checkInside(subnet: string, range: string, addresses: readonly string[]): void {
  if (subnet.includes(':')) {
    throw new AppError('unsupported', `subnet ${subnet}: IPv6 is not supported`);
  }
  const outer = parseCidr(subnet);
  if (range !== '' && !covers(outer, parseCidr(range))) {
    throw new AppError('invalid', `no matching subnet for range ${range}`);
  }
  const outside = addresses.find((address) => {
    const base = tryParseIp(address);
    return base === undefined || !covers(outer, { base, prefix: 32 });
  });
  if (outside === undefined) return;
  throw new AppError('invalid', `no matching subnet for address ${outside}`);
}
