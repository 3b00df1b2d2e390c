import test from 'ava';
import { syslogLine } from '../../../cli/output/syslog.js';
import type { AuditEntry } from '../../../manager/common/protocol/control.js';

const entry: AuditEntry = {
  ...{ number: 7, at: Date.UTC(2026, 10, 30, 8, 0, 0, 5), who: 'ci', role: 'client' },
  ...{ serial: '0a1b', from: '192.0.2.7', action: 'exec', result: 'started' },
  changes: ['project shop, service web'],
};

test('an entry is one message of RFC 5424 with its fields as structured data', (t) => {
  t.is(
    syslogLine(entry, 'prod'),
    '<110>1 2026-11-30T08:00:00.005Z prod shoal - audit ' +
      '[audit@32473 number="7" who="ci" role="client" serial="0a1b" from="192.0.2.7" ' +
      'action="exec" result="started"] \uFEFFci: exec: started: project shop, service web',
  );
});

test('a failed request is a warning, and absent fields are left out', (t) => {
  const { serial: _serial, from: _from, ...rest } = entry;
  const line = syslogLine({ ...rest, result: 'forbidden', changes: [] }, '');
  t.regex(
    line,
    /^<108>1 \S+ - shoal - audit \[audit@32473 number="7" who="ci" role="client" action/u,
  );
  t.true(line.endsWith('\uFEFFci: exec: forbidden'));
});

test('foreign text cannot end the structured data, the header or the line', (t) => {
  const hostile = { ...entry, who: 'a"] x\\\n<0>', action: 'exec\u0000', changes: ['b\r\n<0>1'] };
  const line = syslogLine(hostile, 'my prod\n<0>1 ');
  t.notRegex(line, /\p{Cc}/u);
  t.regex(line, /^<110>1 \S+ myprod<0>1 shoal - audit \[/u);
  t.true(line.includes('who="a\\"\\] x\\\\ <0>"'));
});
