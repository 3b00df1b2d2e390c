import type { ObservedTable } from '../../../network/plan/table.js';
import { markFrom } from '../../../network/plan/table.js';

/** A packet as the rules see it. */
export interface Packet {
  readonly udpPort?: number;
  readonly vni?: number;
  readonly source?: string;
  /** It came from a bridge, and a reply to its source would leave by another interface. */
  readonly isSpoofed?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly ct?: 'new' | 'established' | 'dnat';
}

interface Chain {
  readonly rules: { readonly text: string; readonly comment: string }[];
}

/** Shoal's nft table in memory: applies transactions as the kernel does and traces packets. */
export class FakeNft {
  chains = new Map<string, Chain>();
  sets = new Map<string, Set<string>>();

  /** Applies a transaction; throws, and changes nothing, if the kernel would refuse it. */
  apply(text: string): void {
    const next = new FakeNft();
    for (const [name, { rules }] of this.chains) next.chains.set(name, { rules: [...rules] });
    for (const [name, elements] of this.sets) next.sets.set(name, new Set(elements));
    for (const line of text.trim().split('\n')) next.#applyLine(line, this);
    next.#checkReferences();
    this.chains = next.chains;
    this.sets = next.sets;
  }

  observe(): ObservedTable {
    const chains = [...this.chains].map(
      ([name, { rules }]) => [name, markFrom(rules.map(({ comment }) => comment))] as const,
    );
    return { chains: new Map(chains), sets: this.sets };
  }

  /** The verdict of a base chain. */
  trace(hook: 'input' | 'forward', packet: Packet): 'accept' | 'drop' {
    return this.#evaluate(hook, packet) === 'drop' ? 'drop' : 'accept';
  }

  #applyLine(line: string, before: FakeNft): void {
    const [verb = '', kind = '', , , name = '', ...rest] = line.split(' ');
    if (kind === 'table') this.#applyTable(verb);
    else if (kind === 'set') this.#applySet(verb, name, line);
    else if (kind === 'chain') this.#applyChain(verb, name, line, before);
    else if (kind === 'rule') this.#addRule(name, rest.join(' '), line);
    else this.#applyElements(verb, name, rest.join(' '), line);
  }

  #applyTable(verb: string): void {
    if (verb !== 'delete') return;
    this.chains.clear();
    this.sets.clear();
  }

  #applySet(verb: string, name: string, line: string): void {
    if (verb === 'add') this.sets.set(name, this.sets.get(name) ?? new Set());
    else required(this.sets.delete(name), line);
  }

  #applyChain(verb: string, name: string, line: string, before: FakeNft): void {
    if (verb === 'add') this.chains.set(name, this.chains.get(name) ?? { rules: [] });
    else if (verb === 'flush') required(this.chains.get(name), line).rules.length = 0;
    // Before Linux 6.2 a jump that this transaction removes still counts.
    else if (before.#jumpsTo(name)) throw new Error(`${line}: busy`);
    else required(this.chains.delete(name), line);
  }

  #addRule(chain: string, body: string, line: string): void {
    const [, text = '', comment = ''] = /^(.*) comment "(.*)"$/.exec(body) ?? [];
    required(this.chains.get(chain), line).rules.push({ text, comment });
  }

  #applyElements(verb: string, name: string, body: string, line: string): void {
    const set = required(this.sets.get(name), line);
    for (const element of body.replace(/^\{ | \}$/g, '').split(', '))
      if (verb === 'add') set.add(element);
      else required(set.delete(element), line);
  }

  #jumpsTo(name: string): boolean {
    const jump = new RegExp(`jump ${name}(?![\\w-])`);
    return [...this.chains.values()].some(({ rules }) => rules.some(({ text }) => jump.test(text)));
  }

  #checkReferences(): void {
    for (const { rules } of this.chains.values())
      for (const { text } of rules) {
        for (const [, set = ''] of text.matchAll(/@([\w-]+)(?![\w,-])/g))
          required(this.sets.has(set), text);
        for (const [, chain = ''] of text.matchAll(/jump ([\w-]+)/g))
          required(this.chains.has(chain), text);
      }
  }

  #evaluate(name: string, packet: Packet): 'drop' | 'return' {
    for (const { text } of required(this.chains.get(name), name).rules) {
      const verdict = this.#verdictOf(text, packet);
      if (verdict === undefined) continue;
      if (verdict === 'drop' || verdict === 'return') return verdict;
      if (this.#evaluate(verdict, packet) === 'drop') return 'drop';
    }
    return 'return';
  }

  /** `drop`, `return`, the chain to jump to, or undefined if the rule does not match. */
  #verdictOf(rule: string, packet: Packet): string | undefined {
    const dispatch = /^@th,96,24 vmap \{ (.*) \}$/.exec(rule)?.[1];
    if (dispatch !== undefined)
      return new Map(
        dispatch.split(', ').map((entry) => entry.split(' : jump ') as [string, string]),
      ).get(String(packet.vni));
    const [, match = '', verdict = ''] =
      /^(.*?)(?:counter )?(?:jump )?((?:drop|return|tunnels|to-network))$/.exec(rule) ?? [];
    return this.#matches(match.replace(/jump $/, '').trim(), packet) ? verdict : undefined;
  }

  #matches(match: string, { udpPort, source = '', isSpoofed, from, to = '', ct }: Packet): boolean {
    const set = /@([\w-]+)$/.exec(match)?.[1] ?? '';
    const has = (element: string): boolean => this.sets.get(set)?.has(element) === true;
    if (match === '') return true;
    if (match.startsWith('udp dport ')) return match === `udp dport ${String(udpPort)}`;
    if (match.startsWith('meta iifkind "bridge" fib saddr . iif oif missing'))
      return isSpoofed === true;
    if (match.startsWith('ip saddr @')) return has(source);
    if (match.startsWith('iifname . oifname @')) return has(`${from ?? ''} . ${to}`);
    if (match.startsWith('oifname @')) return has(to);
    if (match === 'ct state established,related') return ct === 'established';
    if (match === 'ct status dnat') return ct === 'dnat';
    throw new Error(`unknown match: ${match}`);
  }
}

function required<Value>(value: Value | undefined | false, what: string): Value {
  if (value === undefined || value === false) throw new Error(`${what}: no such object`);
  return value;
}
