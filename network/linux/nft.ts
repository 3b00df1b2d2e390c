import { array, decodeJson, object, optional, string } from '../../manager/common/base/decode.js';
import { isolation, isolationRules } from '../../manager/common/model/isolation.js';
import { noRuleset, tableFamily, tableName } from '../plan/ruleset.js';
import { runUnchecked, run } from './run.js';

const listTable = ['nft', '-j', 'list', 'table', tableFamily, tableName] as const;

interface ListedRule {
  readonly comment?: string;
}

interface ListedItem {
  readonly rule?: ListedRule;
}

const listing = object<{ readonly nftables: readonly ListedItem[] }>({
  nftables: array(
    object<ListedItem>({ rule: optional(object<ListedRule>({ comment: optional(string) })) }),
  ),
});

/**
 * The mark in the comments of all rules of Shoal's table. Undefined if the table is missing, if a
 * rule has another mark, or if rules are missing: the mark ends with the number of rules.
 */
export function parseRulesetMark(text: string): string | undefined {
  const { nftables } = decodeJson(text, listing, listTable.join(' '));
  const comments = nftables.flatMap(({ rule }) => (rule === undefined ? [] : [rule.comment]));
  const [mark] = comments;
  if (mark === undefined || comments.some((comment) => comment !== mark)) return undefined;
  return mark.endsWith(`/${String(comments.length)}`) ? mark : undefined;
}

/** Fails as `not-found` when nft is not installed. */
export async function readRulesetMark(signal: AbortSignal): Promise<string | undefined> {
  const { exitCode, stdout } = await runUnchecked(listTable, { signal });
  return exitCode === 0 ? parseRulesetMark(stdout) : undefined;
}

/** Loads a ruleset as one atomic transaction. */
export async function loadRuleset(text: string, signal: AbortSignal): Promise<void> {
  await run(['nft', '-f', '-'], { stdin: text, signal });
}

export async function deleteTable(signal: AbortSignal): Promise<void> {
  await loadRuleset(noRuleset, signal);
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
