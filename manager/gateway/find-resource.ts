import { AppError } from '../common/base/errors.js';
import type { NetworkId } from '../common/model/ids.js';
import type { Network, Volume } from '../common/model/network.js';
import type { StoreView } from '../store/store.js';
import { withIdPrefix } from './id-prefix.js';

/**
 * Finds a network by full ID, name or unambiguous ID prefix. Throws `not-found`, or `invalid` for
 * an ambiguous prefix. Messages are the Docker Engine's.
 */
export function lookupNetwork(view: StoreView, reference: string): Network {
  const exact = view.get('networks', reference as NetworkId) ?? view.networkByName(reference);
  if (exact !== undefined) return exact;
  const matches = withIdPrefix(() => view.list('networks'), reference);
  const [first] = matches;
  if (matches.length > 1) {
    const found = `${matches.length} matches found based on id prefix`;
    throw new AppError('invalid', `network ${reference} is ambiguous (${found})`);
  }
  if (first === undefined) throw new AppError('not-found', `network ${reference} not found`);
  return first;
}

export function lookupVolume(view: StoreView, name: string): Volume {
  const volume = view.volumeByName(name);
  if (volume === undefined) throw new AppError('not-found', `get ${name}: no such volume`);
  return volume;
}
