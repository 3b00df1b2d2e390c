import test from 'ava';
import { translateError } from '../../../../worker/executor/docker/client.js';

test('dockerode errors become one-line AppErrors with a kind', (t) => {
  const answered = (statusCode: number, message: string): object =>
    Object.assign(new Error(`(HTTP code ${String(statusCode)}) x - ${message}`), {
      statusCode,
      json: { message },
    });
  const kind = (error: unknown): string => {
    const { kind: found, message } = translateError(error, 'start container c');
    return `${found}: ${message}`;
  };
  t.is(
    kind(answered(404, 'No such container: c')),
    'not-found: start container c: No such container: c',
  );
  t.is(kind(answered(409, 'in use.')), 'conflict: start container c: in use');
  t.is(kind(answered(500, 'first\nsecond')), 'internal: start container c: first');
  t.is(
    kind(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })),
    'unavailable: start container c: cannot connect to the Docker engine (ECONNREFUSED); check that it is running',
  );
  t.regex(kind(new DOMException('', 'TimeoutError')), /^timeout: /);
  t.regex(kind(new DOMException('', 'AbortError')), /^cancelled: /);
});
