import { createHash } from 'node:crypto';
import { vxlanPort } from './names.js';
import type { WantedState } from './wanted.js';

/** Family and name of the one table that is ours; deleting it undoes all of it. */
export const tableFamily = 'inet';
export const tableName = 'shoal';

/** The nft text and what to recognise it by: every rule carries `<digest>/<number of rules>` as comment. */
export interface Ruleset {
  readonly text: string;
  readonly mark: string;
}

/**
 * The table that keeps networks apart:
 * - VXLAN packets for our networks are taken from their nodes only: anybody on the underlay could send some;
 * - nothing is routed into a network but answers and published ports, whatever the host's own policy is;
 * - the host never tells containers about "shorter" ways (ICMP redirects).
 * Undefined when there is no network: then the table is not wanted either.
 */
export function rulesetFor(wanted: WantedState): Ruleset | undefined {
  if (wanted.networks.length === 0) return undefined;
  const bare = chains(wanted, '');
  const rules = bare.split('\n').filter((line) => line.endsWith(commentMark)).length;
  const mark = `${createHash('sha256').update(bare).digest('hex').slice(0, 16)}/${String(rules)}`;
  const table = `${tableFamily} ${tableName}`;
  // Adding before deleting makes "delete" work in any state; the whole text is one transaction.
  const text = `add table ${table}\ndelete table ${table}\ntable ${table} {\n${chains(wanted, mark)}}\n`;
  return { text, mark };
}

/** Takes the table away, whether it is there or not. */
export const noRuleset = `add table ${tableFamily} ${tableName}\ndelete table ${tableFamily} ${tableName}\n`;

const commentMark = '" # rule';

function chains(wanted: WantedState, mark: string): string {
  const networks = [...wanted.networks].sort((a, b) => a.network.vni - b.network.vni);
  const vnis = networks.map(({ network }) => String(network.vni)).join(', ');
  const bridges = networks.map(({ bridge }) => `"${bridge}"`).join(', ');
  const verdicts = networks.map(({ bridge }) => `"${bridge}" : jump to-${bridge}`).join(', ');
  const rule = (text: string): string => `    ${text} comment "${mark}${commentMark}\n`;
  const hook = (name: string): string =>
    `    type filter hook ${name} priority filter - 10; policy accept;\n`;
  const members =
    wanted.vteps.length === 0 ? '' : rule(`ip saddr { ${wanted.vteps.join(', ')} } return`);
  // The VNI is bits 32 to 55 of the VXLAN header (RFC 7348 §5), which follows eight bytes of UDP.
  return [
    '  chain tunnel {\n',
    members,
    rule('counter drop'),
    '  }\n  chain input {\n',
    hook('input'),
    rule(`udp dport ${String(vxlanPort)} @th,96,24 { ${vnis} } jump tunnel`),
    '  }\n',
    ...networks.map(({ bridge }) =>
      [
        `  chain to-${bridge} {\n`,
        rule(`iifname "${bridge}" return`),
        rule('ct state established,related return'),
        rule('ct status dnat return'),
        rule('counter drop'),
        '  }\n',
      ].join(''),
    ),
    '  chain forward {\n',
    hook('forward'),
    rule(`oifname vmap { ${verdicts} }`),
    '  }\n  chain output {\n',
    hook('output'),
    rule(`oifname { ${bridges} } icmp type redirect drop`),
    '  }\n',
  ].join('');
}
