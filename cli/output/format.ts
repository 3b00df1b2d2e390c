import { compileTemplate, templateHeader } from './template/template.js';
import { table } from './table.js';

/** A list item: its table cells, and the record for JSON and templates. */
export interface ListItem {
  readonly cells: readonly string[];
  readonly record: Readonly<Record<string, unknown>>;
}

/**
 * Formats a list by `--format`: `table` (the default), `json` (one object per line), `table
 * TEMPLATE` with a header of field names, or a template rendered once per line.
 */
export function formatList(
  format: string | undefined,
  header: readonly string[],
  items: readonly ListItem[],
): string {
  if (format === undefined || format === '' || format === 'table') {
    return table(
      header,
      items.map(({ cells }) => cells),
    );
  }
  if (format === 'json') {
    return items.map(({ record }) => `${JSON.stringify(record)}\n`).join('');
  }
  if (format.startsWith('table ')) return templateTable(format.slice('table '.length), items);
  const render = compileTemplate(format);
  return items.map(({ record }) => `${render(record)}\n`).join('');
}

/** Column titles of the docker CLI that differ from the field's name in capitals. */
const titles: Readonly<Record<string, string>> = {
  BlockIO: 'BLOCK I/O',
  ConfigFiles: 'CONFIG FILES',
  CPUPerc: 'CPU %',
  CreatedAt: 'CREATED AT',
  CreatedSince: 'CREATED',
  EngineVersion: 'ENGINE VERSION',
  ManagerStatus: 'MANAGER STATUS',
  MemPerc: 'MEM %',
  MemUsage: 'MEM USAGE / LIMIT',
  NetIO: 'NET I/O',
  RunningFor: 'CREATED',
  TLSStatus: 'TLS STATUS',
};

function templateTable(text: string, items: readonly ListItem[]): string {
  const render = compileTemplate(text);
  const header = templateHeader(text, (field) => titles[field] ?? field.toUpperCase());
  const rows = items.map(({ record }) => render(record).split('\t'));
  return table(header.split('\t'), rows);
}

/**
 * Formats objects as `docker inspect` does: a JSON array indented by four spaces, or a template
 * each.
 */
export function formatInspect(format: string | undefined, objects: readonly unknown[]): string {
  if (format === undefined || format === '' || format === 'json') {
    return `${JSON.stringify(objects, undefined, format === 'json' ? undefined : 4)}\n`;
  }
  const render = compileTemplate(format);
  return objects.map((object) => `${render(object)}\n`).join('');
}
