import { decode } from '../../../manager/common/base/decode.js';
import { joinResponse } from '../../../manager/common/protocol/security.js';
import { connect } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { parseToken } from '../../../manager/common/pki/join-token.js';
import { createPrivateKey, createRequest } from '../../../manager/common/pki/pki.js';
import { apiPaths } from '../../../manager/common/protocol/messages.js';
import type { JoinResponse, JoinRequest } from '../../../manager/common/protocol/security.js';
import { ManagerHttpClient } from '../../../manager/common/protocol/transport-call.js';
import type { TlsMaterial } from '../../../manager/common/protocol/transport-tls.js';
import { dial } from '../../../manager/common/protocol/transport.js';
import { isManagerOf } from './pki.js';

/** Opens a worker session with a certificate. */
export function openSession(port: number, tls: TlsMaterial): Promise<unknown> {
  return dial({
    address: `127.0.0.1:${port}`,
    path: apiPaths.session,
    tls,
    verifyPeer: isManagerOf('c1'),
    keepAlive: 'stream',
  });
}

/** Sends a join request without a client certificate. */
export async function sendJoin(
  t: ExecutionContext,
  { ca, port }: { readonly ca: string; readonly port: number },
  text: string,
  changes: Partial<JoinRequest> = {},
): Promise<{ readonly answer: JoinResponse; readonly key: string }> {
  const { id: tokenId, secret } = parseToken(text);
  const key = await createPrivateKey();
  const caller = new ManagerHttpClient({
    address: `127.0.0.1:${port}`,
    tls: { ca, cert: '', key: '' },
    verifyPeer: isManagerOf('c1'),
  });
  t.teardown(() => {
    caller.close();
  });
  const request = await createRequest(key, 'x');
  const body = {
    tokenId,
    secret,
    request,
    name: 'fresh',
    // Earlier versions sent the names that they wanted.
    alternativeNames: ['10.0.0.9'],
    ...changes,
  };
  const answer = await caller.call({ path: apiPaths.join, body, timeoutMs: 25_000 });
  return { answer: decode(answer, joinResponse, 'join answer'), key };
}

/** The whole HTTP response to a `GET` without a certificate. */
export async function anonymousGet(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    });
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.once('end', () => {
      resolve(text);
    });
    socket.once('error', reject);
  });
}
