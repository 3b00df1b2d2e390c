import type { Cli } from '../cli.js';
import { findCluster } from '../inventory/context.js';
import type { AnchorReplacement } from './engine-anchor.js';
import { replaceEngineAnchors } from './engine-anchor.js';
import { withProvisionContext } from './with-provision-context.js';

/** Standalone machines are in no cluster. */
const standalone = '';

/**
 * Replaces the CA that engines trust for clients: of the current cluster and, if `scope` is `all`,
 * of standalone machines. Prints the result to stderr: names the machines that keep the earlier CA,
 * with the command that finishes them.
 */
export async function replaceAnchors(
  cli: Cli,
  scope: 'cluster' | 'all',
): Promise<AnchorReplacement> {
  if (cli.options.dryRun === true) return { replaced: [], failed: [] };
  const { storagePath, cluster: clusterFlag } = cli.options;
  const context = await findCluster({ home: storagePath, clusterFlag, env: cli.env });
  const clusters = [
    ...(context === undefined ? [] : [context.name]),
    ...(scope === 'all' ? [standalone] : []),
  ];
  const options = storagePath === undefined ? {} : { storagePath };
  const results = await withProvisionContext(options, (provisioning) =>
    Promise.all(clusters.map((name) => replaceEngineAnchors(provisioning, name))),
  );
  const result = {
    replaced: results.flatMap(({ replaced }) => replaced),
    failed: results.flatMap(({ failed }) => failed),
  };
  for (const line of summary(result)) cli.stderr.write(`${line}\n`);
  return result;
}

function summary({ replaced, failed }: AnchorReplacement): readonly string[] {
  if (replaced.length + failed.length === 0) {
    return [
      'engines keep their CA: this computer has no record of an engine with a port; if another computer has created machines, run "shoal ca rotate --engines" there',
    ];
  }
  return [
    ...(replaced.length === 0
      ? []
      : [`engines on ${replaced.join(', ')} refuse all earlier certificates`]),
    ...failed.map(
      ({ name, problem }) =>
        `warning: the engine on ${name} still accepts earlier certificates (${problem}); when it is back, run "shoal machine provision ${name}"`,
    ),
  ];
}
