import { isAppError } from '../../manager/common/base/errors.js';
import type { Decoder } from '../../manager/common/base/decode.js';
import {
  array,
  decodeJson,
  fields,
  mustBe,
  object,
  optional,
  orElse,
  string,
} from '../../manager/common/base/decode.js';
import { isolation, isolationRules } from '../../manager/common/model/isolation.js';
import type { ObservedTable } from '../plan/table.js';
import { markFrom, noTable, tableFamily, tableName } from '../plan/table.js';
import { runUnchecked, run } from './run.js';

const listTable = ['nft', '-j', 'list', 'table', tableFamily, tableName] as const;

interface ListedItem {
  readonly chain?: { readonly name: string };
  readonly rule?: { readonly chain: string; readonly comment?: string };
  readonly set?: { readonly name: string; readonly elem?: readonly string[] };
}

/** An element of a set of simple types, or a concatenation of such. */
const element: Decoder<string> = (value, at) => {
  if (typeof value === 'string') return value;
  const { concat } = fields(value, at);
  if (concat === undefined) throw mustBe(at, 'a string or a concatenation');
  return array(string)(concat, `${at}.concat`).join(' . ');
};

const listing = object<{ readonly nftables: readonly ListedItem[] }>({
  nftables: array(
    object<ListedItem>({
      chain: optional(object<{ readonly name: string }>({ name: string })),
      rule: optional(
        object<{ readonly chain: string; readonly comment?: string }>({
          chain: string,
          comment: optional(string),
        }),
      ),
      set: optional(
        object<{ readonly name: string; readonly elem?: readonly string[] }>({
          name: string,
          elem: orElse(array(element), []),
        }),
      ),
    }),
  ),
});

/** Parses the listing of Shoal's table. */
export function parseTable(text: string): ObservedTable {
  const { nftables } = decodeJson(text, listing, listTable.join(' '));
  const comments = new Map<string, (string | undefined)[]>();
  const sets = new Map<string, ReadonlySet<string>>();
  for (const { chain, rule, set } of nftables) {
    if (chain !== undefined && !comments.has(chain.name)) comments.set(chain.name, []);
    if (rule !== undefined)
      comments.set(rule.chain, [...(comments.get(rule.chain) ?? []), rule.comment]);
    if (set !== undefined) sets.set(set.name, new Set(set.elem));
  }
  const chains = [...comments].map(([name, all]) => [name, markFrom(all)] as const);
  return { chains: new Map(chains), sets };
}

/**
 * Undefined if there is no such table; empty if it has objects that Shoal does not make, so that it
 * is replaced. Fails as `not-found` when nft is not installed.
 */
export async function readTable(signal: AbortSignal): Promise<ObservedTable | undefined> {
  const { exitCode, stdout } = await runUnchecked(listTable, { signal });
  if (exitCode !== 0) return undefined;
  try {
    return parseTable(stdout);
  } catch (error) {
    if (isAppError(error) && error.kind === 'invalid')
      return { chains: new Map(), sets: new Map() };
    throw error;
  }
}

/** Loads a ruleset as one atomic transaction. */
export async function loadRuleset(text: string, signal: AbortSignal): Promise<void> {
  await run(['nft', '-f', '-'], { stdin: text, signal });
}

export async function deleteTable(signal: AbortSignal): Promise<void> {
  await loadRuleset(noTable, signal);
}

/** Loads the isolation table; no-op if it is loaded. */
export async function beginIsolation(signal: AbortSignal): Promise<void> {
  await loadRuleset(isolationRules(), signal);
}

/** Removes the isolation table; no-op if there is none. */
export async function endIsolation(signal: AbortSignal): Promise<void> {
  const table = `${isolation.family} ${isolation.table}`;
  // `add` before `delete` makes the deletion idempotent.
  await loadRuleset(`add table ${table}\ndelete table ${table}\n`, signal);
}
