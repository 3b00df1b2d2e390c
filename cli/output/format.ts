import { compileTemplate, templateHeader } from './template/template.js';
import { table } from './table.js';

/** One thing to list: cells of the table, and the record that JSON and templates see. */
export interface Listed {
  readonly cells: readonly string[];
  readonly record: Readonly<Record<string, unknown>>;
}

/**
 * A list as `--format` asks: `table` (the default), `json` (one object a line), `table {{…}}` with a
 * header of field names, or a template per line.
 */
export function formatList(
  format: string | undefined,
  header: readonly string[],
  items: readonly Listed[],
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

/** docker's titles of fields that are not just the field in capitals. */
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

function templateTable(text: string, items: readonly Listed[]): string {
  const render = compileTemplate(text);
  const header = templateHeader(text, (field) => titles[field] ?? field.toUpperCase());
  const rows = items.map(({ record }) => render(record).split('\t'));
  return table(header.split('\t'), rows);
}

/** One object: JSON indented by four spaces inside an array, as Docker's inspect prints, or a template. */
export function formatInspect(format: string | undefined, objects: readonly unknown[]): string {
  if (format === undefined || format === '' || format === 'json') {
    return `${JSON.stringify(objects, undefined, format === 'json' ? undefined : 4)}\n`;
  }
  const render = compileTemplate(format);
  return objects.map((object) => `${render(object)}\n`).join('');
}
