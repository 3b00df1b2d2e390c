import { accessOf, requireHostRights } from '../../access/client-access.js';
import { execPrivileges } from '../../access/privileges.js';
import { deployVisible } from '../../access/required-right.js';
import { AppError } from '../../common/base/errors.js';
import type { ExecOptions } from '../../common/protocol/worker-calls.js';
import type { ApiResponse, Terminal } from '../response.js';
import { jsonResponse } from '../response.js';
import type { GatewayContext, RouteHandler, JsonBody, Route } from '../context.js';
import { askJson, passOn, tunnelUpgrade } from '../engine/pass-request.js';
import { pipeTerminal } from '../pipe-terminal.js';
import type { Exec } from '../execs.js';
import { findContainer, requireActive, requireRunning } from '../find-container.js';
import { countParameter, flagParameter } from '../query.js';
import { pourPast } from './logs.js';
import { requireNode } from './remove.js';

const resizeMs = 5_000;

function stringList(body: JsonBody, key: string): readonly string[] {
  const value = body[key] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new AppError('invalid', `${key}: must be an array of strings`);
}

function readOptions(body: JsonBody): ExecOptions {
  const command = stringList(body, 'Cmd');
  if (command.length === 0) throw new AppError('invalid', 'No exec command specified');
  const { User: user, WorkingDir: workingDir } = body;
  return {
    command,
    env: stringList(body, 'Env'),
    privileged: body.Privileged === true,
    tty: body.Tty === true,
    stdin: body.AttachStdin === true,
    detach: body.Detach === true,
    ...(typeof user === 'string' && user !== '' ? { user } : {}),
    ...(typeof workingDir === 'string' && workingDir !== '' ? { workingDir } : {}),
    ...sizeOf(body),
  };
}

/** Reads `ConsoleSize`: `[rows, columns]`, sent by clients since API 1.42. */
function sizeOf(body: JsonBody): Pick<ExecOptions, 'columns' | 'rows'> {
  const size: readonly unknown[] = Array.isArray(body.ConsoleSize) ? body.ConsoleSize : [];
  const [rows, columns] = size;
  if (typeof rows !== 'number' || typeof columns !== 'number' || rows * columns === 0) return {};
  return { rows, columns };
}

const make: RouteHandler = async (context, { body, peer }, reference = '') => {
  const item = findContainer(context.store.view, reference);
  requireActive(item, 'exec');
  const options = readOptions(await body());
  const { project, service, slot } = item.task;
  const rights = execPrivileges(options);
  requireHostRights(accessOf(peer), { what: 'exec', project, rights }, context.store.view);
  await context.note(peer, 'exec', `project ${project}, service ${service}, index ${slot}`);
  return jsonResponse({ Id: context.execs.make(item, options).id }, 201);
};

const start: RouteHandler = async (context, { body }, id = '') => {
  const exec = context.execs.get(id);
  if (exec.state !== 'made') {
    throw new AppError('conflict', `exec ${id} has already been started`);
  }
  requireActive(findContainer(context.store.view, exec.item.containerId), 'exec');
  const settings = await body();
  if (settings.Detach === true || exec.options.detach) {
    await startDetached(context, exec);
    return { kind: 'empty', status: 200 };
  }
  const options = { ...exec.options, ...sizeOf(settings) };
  return {
    kind: 'hijack',
    contentType: contentTypeOf(options.tty),
    converse: (terminal) => run(context, { ...exec, options }, terminal),
  };
};

function contentTypeOf(isTty: boolean): string {
  return `application/vnd.docker.${isTty ? 'raw' : 'multiplexed'}-stream`;
}

/** Resolves when the engine has started the process; its output and exit code are discarded. */
async function startDetached({ workers, execs }: GatewayContext, exec: Exec): Promise<void> {
  const options = { ...exec.options, detach: true };
  const request = { kind: 'exec', taskId: exec.item.task.id, options } as const;
  const { stream } = await workers.open(exec.item.node.id, request, new AbortController().signal);
  for await (const message of stream) if (typeof message !== 'string') break;
  stream.close();
  execs.change(exec.id, { state: 'ended', exitCode: 0 });
}

async function run(
  { workers, execs }: GatewayContext,
  { id, item, options }: Exec,
  terminal: Terminal,
): Promise<void> {
  const request = { kind: 'exec', taskId: item.task.id, options } as const;
  const { streamId, stream } = await workers.open(item.node.id, request, terminal.signal);
  execs.change(id, { state: 'running', streamId });
  const exitCode = await pipeTerminal(terminal, stream, options.tty).finally(() => {
    execs.change(id, { state: 'ended' });
  });
  execs.change(id, { exitCode: exitCode ?? 137 });
}

const resize: RouteHandler = async (
  { workers, execs },
  { query },
  id = '',
): Promise<ApiResponse> => {
  const { item, streamId } = execs.get(id);
  const size = {
    columns: countParameter(query, 'w') ?? 80,
    rows: countParameter(query, 'h') ?? 24,
  };
  if (streamId === undefined) throw new AppError('conflict', `exec ${id}: is not running`);
  const deadline = AbortSignal.timeout(resizeMs);
  await workers.call(item.node.id, 'resize', { streamId, ...size }, deadline);
  return { kind: 'empty', status: 200 };
};

const inspect: RouteHandler = ({ execs }, _request, id = '') => {
  const { item, options, state, exitCode } = execs.get(id);
  const [entrypoint = '', ...args] = options.command;
  return jsonResponse({
    ID: id,
    Running: state === 'running',
    ExitCode: exitCode ?? null,
    ProcessConfig: {
      tty: options.tty,
      entrypoint,
      arguments: args,
      privileged: options.privileged,
      ...(options.user === undefined ? {} : { user: options.user }),
    },
    OpenStdin: options.stdin,
    OpenStderr: true,
    OpenStdout: true,
    CanRemove: false,
    ContainerID: item.containerId,
    DetachKeys: '',
    Pid: 0,
  });
};

/** Resizes the terminal of the container's main process. */
const resizeContainer: RouteHandler = async (context, request, reference = '') => {
  const item = findContainer(context.store.view, reference);
  for (const key of ['h', 'w']) countParameter(request.query, key);
  requireRunning(item);
  const path = `/containers/:container/resize?${request.query.toString()}`;
  const call = { ...passOn(request, path), taskId: item.task.id };
  const deadline = AbortSignal.any([request.signal, AbortSignal.timeout(resizeMs)]);
  await askJson(context.workers, item.node.id, call, deadline);
  return { kind: 'empty', status: 200 };
};

/**
 * Attaches to the container's main process, also before its start. The engine itself speaks to the
 * client, once its answer shows that no output can be missed.
 */
const attach: RouteHandler = async (context, request, reference = '') => {
  const item = findContainer(context.store.view, reference);
  const { task, node } = item;
  if (task.spec.container.origin === undefined || task.status.state === 'running') {
    requireActive(item, 'attach');
  }
  requireNode(item, 'attach to');
  const { project, service, slot } = task;
  const about = `project ${project}, service ${service}, index ${slot}`;
  await context.note(request.peer, 'attach', about);
  const { query } = request;
  if (flagParameter(query, 'logs') && !flagParameter(query, 'stream')) {
    return {
      kind: 'hijack',
      contentType: contentTypeOf(task.spec.container.tty),
      converse: (terminal) => pourPast(context, request, item, terminal),
    };
  }
  const path = `/containers/:container/attach?${request.query.toString()}`;
  const call = { ...passOn(request, path), taskId: task.id, upgrade: 'tcp' };
  return await tunnelUpgrade(context.workers, node.id, call, request.signal);
};

export const execRoutes: readonly Route[] = [
  { method: 'POST', pattern: /^\/containers\/(.+)\/exec$/u, right: deployVisible, handler: make },
  { method: 'POST', pattern: /^\/exec\/([^/]+)\/start$/u, right: deployVisible, handler: start },
  { method: 'POST', pattern: /^\/exec\/([^/]+)\/resize$/u, right: deployVisible, handler: resize },
  { method: 'GET', pattern: /^\/exec\/([^/]+)\/json$/u, right: deployVisible, handler: inspect },
  {
    method: 'POST',
    pattern: /^\/containers\/(.+)\/attach$/u,
    right: deployVisible,
    handler: attach,
  },
  {
    method: 'POST',
    pattern: /^\/containers\/(.+)\/resize$/u,
    right: deployVisible,
    handler: resizeContainer,
  },
];
