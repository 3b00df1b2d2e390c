import { randomUUID } from 'node:crypto';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { performServerHandshake } from 'node:http2';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { RegistryAuth } from '../../../../manager/common/protocol/worker-calls.js';
import type { EngineClient } from '../client.js';

/*
 * BuildKit requests data outside the build context from the client: over the connection that `POST
 * /session` upgrades, BuildKit is the gRPC client and the worker is the server (moby/buildkit
 * session/grpc.go). gRPC is HTTP/2 with a five-byte prefix per message (compressed flag, length);
 * the messages here are protobuf with one or two fields.
 */

/** Data that a build may request. */
export interface BuildSessionData {
  readonly auths: Readonly<Record<string, RegistryAuth>>;
  /** Base64-encoded secrets by id. */
  readonly secrets: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  readonly message: Uint8Array;
}

const ok = 0;
const notFound = 5;
const unimplemented = 12;

/** gRPC methods by path: each maps the request's first field to an answer. */
const methods: Readonly<Record<string, (data: BuildSessionData, field: Buffer) => Answer>> = {
  // Without a health check BuildKit considers the session dead. Status 1 is SERVING.
  '/grpc.health.v1.Health/Check': () => ({ status: ok, message: Uint8Array.of(8, 1) }),
  '/moby.filesync.v1.Auth/Credentials': ({ auths }, host) => {
    const auth = authOf(auths, host.toString());
    const { username = '', password = '', identitytoken = '' } = auth ?? {};
    const secret = identitytoken === '' ? password : identitytoken;
    const name = identitytoken === '' ? username : '<token>';
    const message = auth === undefined ? Buffer.alloc(0) : textFields([name, secret]);
    return { status: ok, message };
  },
  '/moby.buildkit.secrets.v1.Secrets/GetSecret': ({ secrets }, id) => {
    const content = secrets[id.toString()];
    if (content === undefined) return { status: notFound, message: Buffer.alloc(0) };
    return { status: ok, message: textFields([Buffer.from(content, 'base64')]) };
  },
};

/**
 * Finds the credentials of a registry host. Docker Hub is requested by another name than its
 * credentials are stored under.
 */
function authOf(auths: BuildSessionData['auths'], host: string): RegistryAuth | undefined {
  const hostOf = (name: string): string => name.replace(/^https?:\/\//u, '').split('/')[0] ?? '';
  const hub = /^(?:registry-1\.|index\.)?docker\.io$/u;
  return Object.entries(auths).find(([name]) => {
    const known = hostOf(name);
    return known === host || (hub.test(known) && hub.test(host));
  })?.[1];
}

/** Opens a session; pass its id to the build and close it when the build has ended. */
export async function openBuildSession(
  client: EngineClient,
  data: BuildSessionData,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly close: () => void }> {
  const id = randomUUID();
  const offered = Object.keys(methods);
  const socket = await client.upgrade('open a build session', '/session', signal, {
    Upgrade: 'h2c',
    'X-Docker-Expose-Session-Uuid': id,
    'X-Docker-Expose-Session-Name': 'shoal',
    'X-Docker-Expose-Session-Grpc-Method': offered,
  });
  const session = serve(socket, data);
  return {
    id,
    close: () => {
      session.destroy();
      socket.destroy();
    },
  };
}

function serve(socket: Duplex, data: BuildSessionData): ServerHttp2Session {
  const session = performServerHandshake(socket);
  // The engine closes the connection to end the session, which is not a build failure.
  session.on('error', () => undefined);
  session.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    answer(stream, headers[':path'] ?? '', data).catch(() => {
      stream.close();
    });
  });
  return session;
}

async function answer(
  stream: ServerHttp2Stream,
  path: string,
  data: BuildSessionData,
): Promise<void> {
  const method = methods[path];
  const request = method === undefined ? Buffer.alloc(0) : await buffer(stream);
  const { status, message } = method?.(data, firstField(request.subarray(5))) ?? {
    status: unimplemented,
    message: Buffer.alloc(0),
  };
  const headers = { ':status': 200, 'content-type': 'application/grpc+proto' };
  if (status !== ok) {
    stream.respond({ ...headers, 'grpc-status': String(status) }, { endStream: true });
    return;
  }
  stream.respond(headers, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    stream.sendTrailers({ 'grpc-status': String(ok) });
  });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([head, message]));
}

/** Reads the bytes of length-delimited field 1; empty if the field is missing. */
export function firstField(message: Buffer): Buffer {
  if (message[0] !== 0x0a) return Buffer.alloc(0);
  let [length, shift, at] = [0, 0, 1];
  for (let byte = 0x80; byte >= 0x80 && at < message.length; at += 1) {
    byte = message[at] ?? 0;
    length += (byte & 0x7f) * 2 ** shift;
    shift += 7;
  }
  return message.subarray(at, at + length);
}

/** Encodes length-delimited fields 1, 2, …; empty fields are omitted, as protobuf does. */
export function textFields(values: readonly (string | Uint8Array)[]): Buffer {
  const parts = values.flatMap((value, index) => {
    const bytes = Buffer.from(value);
    if (bytes.length === 0) return [];
    return [Buffer.from([((index + 1) << 3) | 2, ...varint(bytes.length)]), bytes];
  });
  return Buffer.concat(parts);
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}
