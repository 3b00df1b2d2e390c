/**
 * A machine that comes back from a power cut may start containers, by its engine's restart policy, that
 * run elsewhere by now. Until its worker has heard from a manager, or has decided to go on by itself,
 * nothing is forwarded to or from our bridges, published ports included. The table is loaded before the
 * engine starts and deleted by the worker.
 */
export const isolation = {
  family: 'inet',
  table: 'shoal_isolate',
  /** After this long it ends by itself: containers must not depend on a worker that never comes. */
  longestSeconds: 60,
} as const;

/** Bridges are `sh` and a number; nft knows no pattern but a trailing star. */
const bridges = Array.from({ length: 9 }, (_, at) => `sh${String(at + 1)}*`);

/** The table as a file for `nft -f`, which may be loaded twice. */
export function isolationRules(): string {
  const table = `${isolation.family} ${isolation.table}`;
  const chain = (hook: string, directions: readonly string[]): string => {
    const rules = directions.flatMap((direction) =>
      bridges.map((bridge) => `    ${direction} "${bridge}" counter drop\n`),
    );
    const head = `    type filter hook ${hook} priority filter - 20; policy accept;\n`;
    return `  chain ${hook} {\n${head}${rules.join('')}  }\n`;
  };
  const chains = `${chain('forward', ['iifname', 'oifname'])}${chain('output', ['oifname'])}`;
  return `add table ${table}\ndelete table ${table}\ntable ${table} {\n${chains}}\n`;
}
