import { parseQueryFilters } from '../../../manager/gateway/filters.js';

/** Filters as the gateway reads them from a query. */
export function filtersOf(
  filters: object,
  known?: readonly string[],
): ReturnType<typeof parseQueryFilters> {
  return parseQueryFilters(new URLSearchParams({ filters: JSON.stringify(filters) }), known);
}
