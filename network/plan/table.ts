import { createHash } from 'node:crypto';

/** Family and name of Shoal's single table; deleting it removes all rules. */
export const tableFamily = 'inet';
export const tableName = 'shoal';
const table = `${tableFamily} ${tableName}`;

export interface WantedChain {
  /** Definition of a base chain; undefined for a chain that rules jump to. */
  readonly hook?: string;
  /** At least one rule each. */
  readonly rules: readonly string[];
}

export interface WantedSet {
  readonly type: string;
  /** Elements as nft prints them; parts of a concatenation are joined by ` . `. */
  readonly elements: ReadonlySet<string>;
}

export interface WantedTable {
  readonly chains: ReadonlyMap<string, WantedChain>;
  readonly sets: ReadonlyMap<string, WantedSet>;
}

/** The table as observed. */
export interface ObservedTable {
  /**
   * Chains with the mark that all their rules have as a comment; undefined if rules are missing or
   * have another mark.
   */
  readonly chains: ReadonlyMap<string, string | undefined>;
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Identifies the text of a chain: digest and number of rules. */
export function markOf({ hook = '', rules }: WantedChain): string {
  const text = [hook, ...rules].join('\n');
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${digest}/${String(rules.length)}`;
}

/** The mark of a chain from the comments of its rules; undefined unless the chain is complete. */
export function markFrom(comments: readonly (string | undefined)[]): string | undefined {
  const [mark] = comments;
  if (mark === undefined || comments.some((comment) => comment !== mark)) return undefined;
  return mark.endsWith(`/${String(comments.length)}`) ? mark : undefined;
}

/** Removes the table; idempotent, as `add` precedes `delete`. */
export const noTable = `add table ${table}\ndelete table ${table}\n`;

/** Replaces the whole table in one transaction. */
export function loadText(wanted: WantedTable): string {
  const nothing: ObservedTable = { chains: new Map(), sets: new Map() };
  return `${noTable}add table ${table}\n${lines(updateLines(wanted, nothing))}`;
}

/**
 * The transaction that adds what the observed table lacks, and removes stale elements; undefined if
 * it lacks nothing.
 */
export function updateTableText(wanted: WantedTable, seen: ObservedTable): string | undefined {
  const all = updateLines(wanted, seen);
  return all.length === 0 ? undefined : lines(all);
}

/**
 * The transaction that deletes stale chains and sets, once no rule refers to them: before Linux 6.2
 * the kernel refuses to delete a chain in the transaction that removes the last jump to it.
 */
export function cleanUpText(wanted: WantedTable, seen: ObservedTable): string | undefined {
  if (changedChains(wanted, seen).length > 0) return undefined;
  const all = staleLines(wanted, seen);
  return all.length === 0 ? undefined : lines(all);
}

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');

function updateLines(wanted: WantedTable, seen: ObservedTable): string[] {
  const newSets = [...wanted.sets].filter(([name]) => !seen.sets.has(name));
  const newChains = [...wanted.chains].filter(([name]) => !seen.chains.has(name));
  return [
    ...newSets.map(([name, { type }]) => `add set ${table} ${name} { type ${type}; }`),
    ...[...wanted.sets].flatMap(([name, { elements }]) =>
      elementLines(name, elements, seen.sets.get(name) ?? new Set()),
    ),
    ...newChains.map(
      ([name, { hook }]) =>
        `add chain ${table} ${name}${hook === undefined ? '' : ` { type filter hook ${hook}; }`}`,
    ),
    ...changedChains(wanted, seen).flatMap(([name, chain]) => chainLines(name, chain)),
  ];
}

function changedChains(
  wanted: WantedTable,
  seen: ObservedTable,
): readonly (readonly [string, WantedChain])[] {
  return [...wanted.chains].filter(([name, chain]) => seen.chains.get(name) !== markOf(chain));
}

function chainLines(name: string, chain: WantedChain): string[] {
  const mark = markOf(chain);
  return [
    `flush chain ${table} ${name}`,
    ...chain.rules.map((rule) => `add rule ${table} ${name} ${rule} comment "${mark}"`),
  ];
}

function elementLines(
  name: string,
  wanted: ReadonlySet<string>,
  seen: ReadonlySet<string>,
): string[] {
  const line = (verb: string, elements: readonly string[]): string[] =>
    elements.length === 0
      ? []
      : [`${verb} element ${table} ${name} { ${[...elements].sort().join(', ')} }`];
  return [
    ...line(
      'delete',
      [...seen].filter((element) => !wanted.has(element)),
    ),
    ...line(
      'add',
      [...wanted].filter((element) => !seen.has(element)),
    ),
  ];
}

function staleLines(wanted: WantedTable, seen: ObservedTable): string[] {
  const chains = [...seen.chains.keys()].filter((name) => !wanted.chains.has(name));
  const sets = [...seen.sets.keys()].filter((name) => !wanted.sets.has(name));
  return [
    ...chains.map((name) => `delete chain ${table} ${name}`),
    ...sets.map((name) => `delete set ${table} ${name}`),
  ];
}
