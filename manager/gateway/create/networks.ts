import { AppError } from '../../common/base/errors.js';
import type { NetworkMode } from '../../common/model/container.js';
import type { NetworkAttachmentSpec } from '../../common/model/service.js';
import type { StoreView } from '../../store/store.js';
import { lookupNetwork } from '../find-resource.js';
import type { CreateBody, EndpointBody } from './create-body.js';

/** Networks of a container. */
export interface AttachmentPlan {
  readonly mode: NetworkMode;
  readonly attachments: readonly NetworkAttachmentSpec[];
}

/** Networks that each engine has: no cluster network has one of these names. */
const engineNetworks = new Set(['', 'default', 'bridge', 'host', 'none']);

/**
 * Translates `NetworkMode` and `EndpointsConfig`. Without a network, the container is on its node's
 * default bridge. `resolve` returns the id of a container on its engine.
 */
export function planAttachments(
  body: CreateBody,
  view: StoreView,
  resolve: (reference: string) => string,
): AttachmentPlan {
  const mode = body.HostConfig?.NetworkMode ?? '';
  const endpoints = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {});
  const named = endpoints.filter(([name]) => !engineNetworks.has(name));
  const shared = /^container:(.+)$/u.exec(mode)?.[1];
  if (shared !== undefined || mode === 'host' || mode === 'none') {
    if (named.length > 0) {
      throw new AppError(
        'invalid',
        `conflicting options: cannot attach both user-defined and non-user-defined network-modes`,
      );
    }
    if (mode === 'host' || mode === 'none') return { mode: { kind: mode }, attachments: [] };
    return { mode: { kind: 'container', container: resolve(shared ?? '') }, attachments: [] };
  }
  const wanted = new Map<string, EndpointBody | undefined>();
  if (!engineNetworks.has(mode)) wanted.set(lookupNetwork(view, mode).spec.name, undefined);
  for (const [reference, endpoint] of named) {
    wanted.set(lookupNetwork(view, reference).spec.name, endpoint);
  }
  const attachments = [...wanted].map(([network, endpoint], index) =>
    toAttachment(network, endpoint ?? {}, index === 0 ? body.MacAddress : undefined),
  );
  return { mode: { kind: 'networks' }, attachments };
}

/** Translates the settings of one network. Throws `unsupported` for a link under another name. */
export function toAttachment(
  network: string,
  { Aliases = [], Links = [], MacAddress, DriverOpts, IPAMConfig }: EndpointBody,
  mac?: string,
): NetworkAttachmentSpec {
  const renamed = Links.find((link) => {
    const [target, alias = target] = link.split(':');
    return alias !== target;
  });
  if (renamed !== undefined) {
    throw new AppError(
      'unsupported',
      `Links: ${renamed} has another name on network ${network}; give the target a network alias`,
    );
  }
  const address = addressOf(network, IPAMConfig);
  const macAddress = MacAddress === undefined || MacAddress === '' ? (mac ?? '') : MacAddress;
  return {
    network,
    aliases: Aliases,
    ...(address === '' ? {} : { ipv4Address: address }),
    ...(macAddress === '' ? {} : { macAddress }),
    ...(DriverOpts === undefined ? {} : { driverOpts: DriverOpts }),
  };
}

/** The requested IPv4 address; empty if there is none. Throws `unsupported` for other addresses. */
function addressOf(network: string, addresses: EndpointBody['IPAMConfig'] = {}): string {
  const { IPv4Address = '', IPv6Address = '', LinkLocalIPs = [] } = addresses;
  if (IPv6Address === '' && LinkLocalIPs.length === 0) return IPv4Address;
  const option = IPv6Address === '' ? 'LinkLocalIPs' : 'IPv6Address';
  throw new AppError('unsupported', `${option}: not supported on network ${network}`);
}
