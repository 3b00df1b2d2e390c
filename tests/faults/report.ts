import type { Away } from './gaps.js';
import type { Outcome, Report } from './outcome.js';

const seconds = (value: number): string => `${value.toFixed(1)} s`;

const away = (value: Away | undefined): string =>
  value === undefined ? '-' : `${seconds(value.longestS)} (${value.failed}/${value.asked})`;

const columns = [
  'names away',
  'packets away',
  'changes away',
  'acknowledged',
  'right after',
] as const;

function cells({ measured }: Outcome): readonly string[] {
  if (measured === undefined) return columns.map(() => '-');
  const { names, packets, changes, acknowledged, rightS } = measured;
  return [away(names), away(packets), away(changes), String(acknowledged), seconds(rightS)];
}

/** One line as a case ends. */
export function line(outcome: Outcome): string {
  const { cluster, name, result, why, measured } = outcome;
  const head = `${result.padEnd(8)}${cluster}: ${name}`;
  if (measured === undefined) return `${head}: ${why ?? ''}`;
  const where = `  on ${measured.where} after ${measured.momentMs} ms`;
  const figures = cells(outcome).map((cell, at) => `${columns[at] ?? ''} ${cell}`);
  const last = why === undefined ? [] : [`  ${why}`];
  return [head, `${where}: ${figures.join(', ')}`, ...last].join('\n');
}

export function summary(outcomes: readonly Outcome[]): string {
  const count = (result: Outcome['result']): number =>
    outcomes.filter((outcome) => outcome.result === result).length;
  const skipped = count('skipped') === 0 ? '' : `, ${count('skipped')} skipped`;
  return `${count('ok')} of ${outcomes.length - count('skipped')} faults passed${skipped}`;
}

const explanation = `Made by \`npm run faults -- --report docs/faults.md\`; do not edit it by hand. Real machines of the lab are broken while
a user works, and the cluster is held afterwards against what was last acknowledged: every slot filled once, no
container, network, bridge, VXLAN device or rule left over, every name leading to what runs from every machine.
All the while a second user changes labels and numbers of containers about eight times a second; none of what it was
told is done may be missing in the end.

- \`npm run faults -- --list\` says what would be tried; \`--only PART\` of a name, \`--cluster embedded|consul\`
  choose (again for several). \`--seed N\` chooses machines and moments anew; one seed strikes the same each time.
- \`--format json\` prints the results as data, \`--from FILE\` (again for several) reports on such data of earlier runs.

Machines that are cut off are witnesses too: what one cannot reach is away as long as the cut lasts, and so is a name whose
replicas all run beyond it. Times are those of one host with two cores that carries all machines and whatever else runs on it.

| column | meaning |
| --- | --- |
| names, packets away | the longest time without an answer in containers on machines that were not struck themselves, and how many of their questions failed (five a second each; a probe asks for a name, then whether its first address answers) |
| changes away | the longest time in which no change was acknowledged, and how many were not |
| acknowledged | changes the second user was told are done; all were there in the end, or the case failed |
| right after | from the fault's end (the cable is back, the machine is on) until everything was as wanted |
`;

/** What was tried again counts as it was last; of how a run ended, only the last of its cluster. */
export function lastOutcomes(reports: readonly Report[]): readonly Outcome[] {
  const last = new Map<string, Outcome>();
  for (const { outcomes } of reports) {
    for (const { cluster } of outcomes) last.delete(`${cluster} ${ending}`);
    for (const outcome of outcomes) last.set(`${outcome.cluster} ${outcome.name}`, outcome);
  }
  return [...last.values()];
}

/** Runs as a document. */
export function markdown(reports: readonly Report[]): string {
  const outcomes = lastOutcomes(reports);
  const heads = reports.map(
    ({ date, seed, versions, outcomes: { length } }) =>
      `- ${date}, seed ${seed}, ${length} faults: ${versions}`,
  );
  const clusters = [...new Set(outcomes.map(({ cluster }) => cluster))];
  const tables = clusters.map((kind) => table(outcomes.filter(({ cluster }) => cluster === kind)));
  const runs = `## Runs\n\n${heads.join('\n')}\n\n${summary(outcomes)}; of one that was tried again the last time is told.`;
  return `# Faults on real machines\n\n${[explanation.trim(), runs, ...tables].join('\n\n')}\n`;
}

/** The name under which it is told that a run's end failed. */
export const ending = 'all taken away in the end';

const titles = {
  embedded: 'One manager with the embedded store',
  consul: 'Three managers over three Consul servers, on the same three machines',
};

function table(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map((outcome) => [
    outcome.name,
    outcome.result === 'ok' ? 'ok' : `${outcome.result}: ${outcome.why ?? ''}`,
    ...cells(outcome),
  ]);
  const head = ['fault', 'result', ...columns];
  const lines = [head, head.map(() => '---'), ...rows].map(
    (row) => `| ${row.map(escaped).join(' | ')} |`,
  );
  const title = outcomes[0] === undefined ? '' : titles[outcomes[0].cluster];
  return `## ${title}\n\n${lines.join('\n')}`;
}

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
