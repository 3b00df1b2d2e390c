/** Width constraints of a column. */
export interface ColumnConstraints {
  readonly key: string;
  /** Minimum width in terminal columns. */
  readonly width: number;
  /** Maximum useful width; defaults to `width`. */
  readonly max?: number;
  /** 0 is always shown; higher values are dropped first. */
  readonly priority: number;
}

export interface PlacedColumn {
  readonly key: string;
  readonly width: number;
}

const gap = 1;

/**
 * Selects the columns that fit and sets their widths. The least important columns are dropped until
 * the rest fits; spare width goes to columns below their maximum. `wide` drops none.
 */
export function placeColumns(
  columns: readonly ColumnConstraints[],
  width: number,
  wide = false,
): readonly PlacedColumn[] {
  let kept = [...columns];
  while (!wide && needed(kept) > width) {
    const least = leastImportant(kept);
    if (least === undefined) break;
    kept = kept.filter((column) => column !== least);
  }
  const widths = new Map(kept.map((column) => [column.key, column.width]));
  let spare = width - needed(kept);
  for (let open = growing(kept, widths); spare > 0 && open.length > 0;) {
    const share = Math.max(1, Math.floor(spare / open.length));
    for (const column of open) {
      const now = widths.get(column.key) ?? 0;
      const more = Math.min(share, spare, (column.max ?? column.width) - now);
      widths.set(column.key, now + more);
      spare -= more;
    }
    open = growing(kept, widths);
  }
  return kept.map(({ key }) => ({ key, width: widths.get(key) ?? 0 }));
}

function needed(columns: readonly ColumnConstraints[]): number {
  return columns.reduce((sum, column) => sum + column.width, 0) + gap * (columns.length - 1);
}

function leastImportant(columns: readonly ColumnConstraints[]): ColumnConstraints | undefined {
  const optional = columns.filter(({ priority }) => priority > 0);
  const highest = Math.max(...optional.map(({ priority }) => priority));
  return optional.findLast(({ priority }) => priority === highest);
}

function growing(
  columns: readonly ColumnConstraints[],
  widths: ReadonlyMap<string, number>,
): readonly ColumnConstraints[] {
  return columns.filter(({ key, width, max }) => (widths.get(key) ?? 0) < (max ?? width));
}
