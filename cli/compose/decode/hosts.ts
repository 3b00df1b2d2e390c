import { scalarText } from '../yaml/scalar.js';
import { isList, isMap, type Tree } from '../yaml/tree.js';
import { byCodeUnit, type MappingReader } from './reader.js';

/** Reads host names with addresses as sorted `host=address` entries, one per address. */
export function readHosts(reader: MappingReader, key: string): string[] | undefined {
  const value = reader.raw(key);
  const hosts: string[] = [];
  const add = (host: string, addresses: string): void => {
    for (const address of addresses.split(',')) {
      hosts.push(
        `${host}=${address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address}`,
      );
    }
  };
  if (isMap(value)) {
    for (const host of Object.keys(value)) {
      const addresses = value[host] as Tree;
      if (isList(addresses))
        addresses.forEach((address) => {
          add(host, scalarText(address));
        });
      else add(host, scalarText(addresses));
    }
  } else if (isList(value)) {
    value.forEach((item, index) => {
      const text = scalarText(item);
      const cut = text.includes('=') ? text.indexOf('=') : text.indexOf(':');
      if (cut < 0)
        throw reader.child(key).error(index, `"${text}" has no address; write host=address`);
      if (cut === 0)
        throw reader.child(key).error(index, `"${text}" has no host name; write host=address`);
      if (text.slice(0, cut).includes(':'))
        throw reader.child(key).error(index, `"${text}" has a colon in its host name; remove it`);
      add(text.slice(0, cut), text.slice(cut + 1));
    });
  }
  // A mapping with hosts but without addresses stays an empty list, as in docker compose.
  const isEmpty = hosts.length === 0 && !(isMap(value) && Object.keys(value).length > 0);
  return isEmpty ? undefined : hosts.sort(byCodeUnit);
}
