import type { NetworkId } from '../../manager/common/model/ids.js';
import type { RemoteEntry, WantedNetwork } from './wanted.js';

/**
 * One difference between wanted and observed state. `networkId` is the wanted network that is not
 * ready until the change is applied; undefined if no network depends on it. `cause` is for the log.
 */
export type Change = (
  | { readonly kind: 'create-network'; readonly wanted: WantedNetwork }
  | { readonly kind: 'remove-network'; readonly engineNetworkId: NetworkId; readonly name: string }
  | { readonly kind: 'add-bridge'; readonly wanted: WantedNetwork }
  | { readonly kind: 'set-bridge'; readonly wanted: WantedNetwork }
  | { readonly kind: 'attach-port'; readonly port: string; readonly bridge: string }
  | { readonly kind: 'remove-link'; readonly name: string }
  | { readonly kind: 'add-vxlan'; readonly wanted: WantedNetwork }
  | { readonly kind: 'set-vxlan'; readonly wanted: WantedNetwork }
  | { readonly kind: 'put-remote'; readonly device: string; readonly entry: RemoteEntry }
  | {
      readonly kind: 'remove-remote';
      readonly device: string;
      readonly mac: string;
      readonly vtep: string | undefined;
      /** True if the bridge has an entry too, or only the bridge has one. */
      readonly fromBridge: boolean;
    }
  | { readonly kind: 'remove-neighbour'; readonly device: string; readonly address: string }
  | { readonly kind: 'load-table' | 'update-table'; readonly text: string }
  | { readonly kind: 'add-accept-rule' | 'remove-accept-rule'; readonly bridge: string }
) & { readonly networkId: NetworkId | undefined; readonly cause: string };

/** Describes a change in one line, for logs and golden files. */
export function describeNetworkChange(change: Change): string {
  return `${subject(change)}: ${change.cause}`;
}

function subject(change: Change): string {
  switch (change.kind) {
    case 'create-network':
      return `create engine network ${change.wanted.network.name} on ${change.wanted.bridge}`;
    case 'remove-network':
      return `remove engine network ${change.name}`;
    case 'put-remote':
      return `put ${change.entry.address} ${change.entry.mac} at ${change.entry.vtep} on ${change.device}`;
    case 'remove-remote':
      return `remove ${change.mac} at ${change.vtep ?? 'no vtep'} from ${change.device}`;
    case 'remove-neighbour':
      return `remove neighbour ${change.address} from ${change.device}`;
    case 'load-table':
      return 'load the nft table';
    case 'update-table':
      return 'update the nft table';
    case 'add-accept-rule':
      return `accept traffic within ${change.bridge} in DOCKER-USER`;
    case 'remove-accept-rule':
      return `remove the DOCKER-USER rule of ${change.bridge}`;
    default:
      return deviceSubject(change);
  }
}

type DeviceChange = Extract<
  Change,
  { kind: 'add-bridge' | 'set-bridge' | 'attach-port' | 'remove-link' | 'add-vxlan' | 'set-vxlan' }
>;

function deviceSubject(change: DeviceChange): string {
  switch (change.kind) {
    case 'add-bridge':
      return `add bridge ${change.wanted.bridge}`;
    case 'set-bridge':
      return `set bridge ${change.wanted.bridge}`;
    case 'attach-port':
      return `attach ${change.port} to ${change.bridge}`;
    case 'remove-link':
      return `remove device ${change.name}`;
    case 'add-vxlan':
      return `add vxlan ${change.wanted.vxlan}`;
    case 'set-vxlan':
      return `set vxlan ${change.wanted.vxlan}`;
  }
}
