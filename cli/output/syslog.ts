import type { AuditEntry } from '../../manager/common/protocol/control.js';

/** Facility "log audit" of RFC 5424. */
const facility = 13;
const severities = { warning: 4, informational: 6 } as const;
/** Private enterprise number that RFC 5612 reserves for documentation. */
const structuredId = 'audit@32473';
const maxHostLength = 255;

/** A parameter of structured data: `"`, `\` and `]` are escaped. */
function parameter(name: string, value: string): string {
  return `${name}="${oneLine(value).replace(/["\\\]]/gu, (character) => `\\${character}`)}"`;
}

function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

/** A header field: printable ASCII without spaces, `-` if empty. */
function headerField(text: string): string {
  const clean = text.replace(/[^!-~]/gu, '').slice(0, maxHostLength);
  return clean === '' ? '-' : clean;
}

/**
 * Formats an audit entry as a message of syslog (RFC 5424), without a line end. `host` names the
 * cluster. A request that failed is a warning.
 */
export function syslogLine(entry: AuditEntry, host: string): string {
  const { number, at, who, role, serial = '', from = '', via = '', action, result } = entry;
  const isDone = result === 'ok' || result === 'started';
  const priority = facility * 8 + (isDone ? severities.informational : severities.warning);
  const time = new Date(at).toISOString();
  const data = Object.entries({
    number: String(number),
    who,
    role,
    serial,
    from,
    via,
    action,
    result,
  })
    .filter(([, value]) => value !== '')
    .map(([name, value]) => parameter(name, value));
  const about = entry.changes.map(oneLine).join('; ');
  const text = `${oneLine(`${who}: ${action}: ${result}`)}${about === '' ? '' : `: ${about}`}`;
  const header = `<${priority}>1 ${time} ${headerField(host)} shoal - audit`;
  // The mark says that the text is UTF-8.
  return `${header} [${structuredId} ${data.join(' ')}] \uFEFF${text}`;
}
