import { parseArgs } from 'node:util';
import { AppError } from '../../manager/common/base/errors.js';

export type ClusterKind = 'embedded' | 'consul';
export const clusterKinds: readonly ClusterKind[] = ['embedded', 'consul'];

export interface FaultOptions {
  readonly clusters: readonly ClusterKind[];
  /** Parts of case names; a case is selected if its name contains one of them. Empty: all. */
  readonly only: readonly string[];
  readonly seed: number;
  readonly format: 'table' | 'json';
  /** Only print the selected cases. */
  readonly list: boolean;
  /** Path of the markdown report to write. */
  readonly report: string | undefined;
  /** Files of earlier runs with `--format json`, to report on without a new run. */
  readonly from: readonly string[];
}

/** Throws `invalid` for an unknown option or value. */
export function faultOptions(argv: readonly string[], seed: number): FaultOptions {
  const { values } = parse(argv);
  const clusters = values.cluster ?? [...clusterKinds];
  const unknown = clusters.find((name) => !clusterKinds.some((kind) => kind === name));
  if (unknown !== undefined)
    throw new AppError('invalid', `--cluster ${unknown}: must be embedded or consul`);
  const format = values.format ?? 'table';
  if (format !== 'table' && format !== 'json')
    throw new AppError('invalid', `--format ${format}: must be table or json`);
  const chosen = Number(values.seed ?? seed);
  if (!Number.isInteger(chosen) || chosen < 0)
    throw new AppError('invalid', `--seed ${values.seed ?? ''}: must be a whole number`);
  return {
    clusters: clusterKinds.filter((kind) => clusters.includes(kind)),
    only: values.only ?? [],
    seed: chosen,
    format,
    list: values.list ?? false,
    report: values.report,
    from: values.from ?? [],
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        cluster: { type: 'string', multiple: true },
        only: { type: 'string', multiple: true },
        seed: { type: 'string' },
        format: { type: 'string' },
        list: { type: 'boolean' },
        report: { type: 'string' },
        from: { type: 'string', multiple: true },
      },
    });
  } catch (error) {
    throw new AppError('invalid', error instanceof Error ? error.message : String(error));
  }
}
