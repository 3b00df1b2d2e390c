import { createHash } from 'node:crypto';
import { vxlanPort } from './names.js';
import type { WantedState } from './wanted.js';

/** Family and name of Shoal's single table; deleting it removes all rules. */
export const tableFamily = 'inet';
export const tableName = 'shoal';

/**
 * The nft text and the mark that identifies it: every rule has the comment `<digest>/<number of
 * rules>`.
 */
export interface Ruleset {
  readonly text: string;
  readonly mark: string;
}

/**
 * The table that isolates networks:
 * - VXLAN packets for Shoal's VNIs are accepted from member nodes only: any host on the underlay
 *   could send them;
 * - only replies and published ports are routed into a network, whatever the policy of the host;
 * - the host never sends ICMP redirects to containers.
 * Undefined without networks: the table is then removed.
 */
export function rulesetFor(wanted: WantedState): Ruleset | undefined {
  if (wanted.networks.length === 0) return undefined;
  const bare = chains(wanted, '');
  const rules = bare.split('\n').filter((line) => line.endsWith(commentMark)).length;
  const mark = `${createHash('sha256').update(bare).digest('hex').slice(0, 16)}/${String(rules)}`;
  const table = `${tableFamily} ${tableName}`;
  // `add` before `delete` makes the deletion idempotent; the whole text is one transaction.
  const text = `add table ${table}\ndelete table ${table}\ntable ${table} {\n${chains(wanted, mark)}}\n`;
  return { text, mark };
}

/** Removes the table; idempotent. */
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
  // The VNI is in bits 32 to 55 of the VXLAN header (RFC 7348 §5), which follows the eight bytes of
  // the UDP header.
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
