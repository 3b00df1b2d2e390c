import type { Answerer, ConsulAnswer, ConsulRequest } from './fake-consul.js';

interface Entry {
  readonly Key: string;
  readonly Value: string;
  readonly Flags: number;
  readonly ModifyIndex: number;
  readonly Session?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** State of a fake Consul: one key space, sessions and the services of one agent. */
export class ConsulState {
  readonly entries = new Map<string, Entry>();
  readonly sessions = new Map<string, unknown>();
  readonly services = new Map<string, Fields>();
  /** Passes of each check, by its id. */
  readonly passes = new Map<string, number>();
  /** Takes the place of the usual answer unless it returns undefined. */
  intercept:
    | ((request: ConsulRequest) => ConsulAnswer | undefined | Promise<ConsulAnswer | undefined>)
    | undefined;
  #index = 10;
  #waiting: (() => void)[] = [];

  readonly answer: Answerer = async (request) => {
    const intercepted = await this.intercept?.(request);
    if (intercepted !== undefined) return intercepted;
    const [, method = '', path = ''] = /^(\S+) \/v1\/(.*)$/u.exec(request.line) ?? [];
    if (path.startsWith('kv/')) {
      const key = path.slice('kv/'.length);
      return method === 'GET' ? this.#read(key, request.query) : this.#acquire(key, request);
    }
    if (path.startsWith('session/')) return this.#session(path.slice('session/'.length), request);
    if (path.startsWith('agent/')) return this.#agent(path.slice('agent/'.length), request);
    return { status: 404, body: 'no such path' };
  };

  /** Writes a key that no session holds, as another tool would. */
  set(key: string, value: string, session?: string): void {
    this.#index += 1;
    this.entries.set(key, {
      Key: key,
      Value: Buffer.from(value).toString('base64'),
      Flags: 0,
      ModifyIndex: this.#index,
      ...(session === undefined ? {} : { Session: session }),
    });
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Ends a session and releases its keys, as an expired check does. */
  endSession(id: string): void {
    this.sessions.delete(id);
    for (const { Key, Value, Session } of [...this.entries.values()]) {
      if (Session === id) this.set(Key, Buffer.from(Value, 'base64').toString());
    }
  }

  /** A blocking query ends when the entry has another index. */
  async #read(key: string, query: URLSearchParams): Promise<ConsulAnswer> {
    const known = query.get('index');
    while (known !== null && String(this.entries.get(key)?.ModifyIndex) === known)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const entry = this.entries.get(key);
    return entry === undefined ? { status: 404 } : { body: [entry] };
  }

  #acquire(key: string, { query, body }: ConsulRequest): ConsulAnswer {
    const session = query.get('acquire') ?? '';
    if (!this.sessions.has(session)) return { status: 500, body: 'invalid session' };
    const holder = this.entries.get(key)?.Session;
    if (holder !== undefined && holder !== session) return { body: false };
    this.set(key, JSON.stringify(body), session);
    return { body: true };
  }

  #session(path: string, { body }: ConsulRequest): ConsulAnswer {
    const [action = '', id = ''] = path.split('/');
    if (action === 'create') {
      const made = `session-${this.sessions.size + this.#index}`;
      this.sessions.set(made, body);
      return { body: { ID: made } };
    }
    if (action === 'destroy') this.endSession(id);
    if (action === 'info') return { body: this.sessions.has(id) ? [{ ID: id }] : [] };
    return { body: true };
  }

  #agent(path: string, { body }: ConsulRequest): ConsulAnswer {
    const id = path.split('/').at(-1) ?? '';
    if (path === 'service/register') {
      const registration = body as Fields;
      this.services.set(String(registration.ID), registration);
    } else if (path.startsWith('service/deregister/')) this.services.delete(id);
    else if (path.startsWith('check/pass/')) {
      const service = id.replace(/^service:/u, '');
      if (!this.services.has(service)) return { status: 404, body: `Unknown check ID "${id}"` };
      this.passes.set(id, (this.passes.get(id) ?? 0) + 1);
    }
    return {};
  }
}
