import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { messageOf } from '../../../../../manager/common/base/errors.js';
import type {
  MountingContainer,
  MountRequest,
} from '../../../../../worker/executor/docker/mounts/confined-binds.js';
import {
  checkConfinement,
  confinedSources,
} from '../../../../../worker/executor/docker/mounts/confined-binds.js';

/** An allowed folder with `data/logs`. */
async function allowedFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-binds-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'data', 'logs'), { recursive: true });
  return folder;
}

function mounting(name: string, source: string, readOnly = false): MountingContainer {
  return { name, mounts: [{ source, readOnly }], confined: [] };
}

async function check(
  root: string,
  source: string,
  others: readonly MountingContainer[] = [],
  more: Partial<MountRequest> = {},
): Promise<string> {
  const mounts = [{ source, readOnly: false }];
  const request = { mounts, confinedTo: [root], ...more };
  return checkConfinement(request, others, []).then(() => 'allowed', messageOf);
}

test('a source without links in an allowed folder may be mounted, also one that is missing', async (t) => {
  const root = await allowedFolder(t);
  t.is(await check(root, root), 'allowed');
  t.is(await check(root, join(root, 'data', 'logs')), 'allowed');
  t.is(await check(root, join(root, 'new', 'deep')), 'allowed');
  t.is(await check(root, '/etc'), 'allowed', 'an admin has put this one there');
});

test('a link below the allowed folder leads nowhere, at the end of a path or within', async (t) => {
  const root = await allowedFolder(t);
  await symlink('/etc', join(root, 'data', 'out'));
  t.regex(await check(root, join(root, 'data', 'out')), /data\/out is a symbolic link below/u);
  t.regex(await check(root, join(root, 'data', 'out', 'ssl')), /data\/out is a symbolic link/u);
  t.regex(await check(root, join(root, 'data', '..', 'data', 'out')), /is a symbolic link/u);
  t.is(await check(join(root, 'data', 'out'), join(root, 'data', 'out')), 'allowed');
});

test('of nested allowed folders the wider one counts: what is in it can be replaced', async (t) => {
  const root = await allowedFolder(t);
  await symlink('/etc', join(root, 'data', 'out'));
  const source = join(root, 'data', 'out', 'ssl');
  const confinedTo = [join(root, 'data', 'out'), root];
  t.regex(await check(root, source, [], { confinedTo }), /is a symbolic link below/u);
});

test('a container that can change a folder above the source excludes the mount', async (t) => {
  const root = await allowedFolder(t);
  const logs = join(root, 'data', 'logs');
  const refused =
    /evil can write to .* above it and lead it elsewhere; mount that folder read-only/u;
  t.regex(await check(root, logs, [mounting('evil', root)]), refused);
  t.regex(await check(root, logs, [mounting('evil', '/')]), refused);
  t.is(await check(root, logs, [mounting('evil', root, true)]), 'allowed');
  t.is(await check(root, logs, [mounting('twin', logs)]), 'allowed');
  t.is(await check(root, logs, [mounting('other', join(root, 'other'))]), 'allowed');
  const alias = `${root}-alias`;
  await symlink(root, alias);
  t.teardown(() => rm(alias));
  t.regex(await check(root, logs, [mounting('evil', alias)]), refused);
  const mounts = [root, logs].map((source) => ({ source, readOnly: false }));
  t.regex(await check(root, logs, [], { mounts }), /the container itself can write to/u);
});

test('a mount above a source of another container is refused, whoever asks for it', async (t) => {
  const root = await allowedFolder(t);
  const logs = join(root, 'data', 'logs');
  const other = { name: 'shop-web-1', mounts: [], confined: [logs] };
  const asked = { confinedTo: [] };
  t.regex(
    await check(root, root, [other], asked),
    /logs, which container shop-web-1 mounts: this container can write to/u,
  );
  t.is(await check(root, logs, [other], asked), 'allowed');
});

test('a folder that the worker does not see cannot be allowed', async (t) => {
  const request = { mounts: [{ source: '/home/ann/x', readOnly: true }], confinedTo: ['/home'] };
  await t.throwsAsync(checkConfinement(request, []), { message: /does not see \/home, so/u });
});

test('only sources in allowed folders are confined', (t) => {
  const mounts = ['/srv/b', '/srv/a/../c', '/etc'].map((source) => ({ source, readOnly: true }));
  t.deepEqual(confinedSources({ mounts, confinedTo: ['/srv'] }), ['/srv/b', '/srv/c']);
});

test('a mount that leads nowhere changes no folder; one that cannot be read is an error', async (t) => {
  const root = await allowedFolder(t);
  const logs = join(root, 'data', 'logs');
  const loop = join(root, 'loop');
  await symlink(loop, loop);
  t.is(await check(root, logs, [mounting('other', loop)]), 'allowed');
  const unreadable = mounting('other', `/${'x'.repeat(300)}`);
  t.regex(
    await check(root, logs, [unreadable]),
    /cannot check a folder: ENAMETOOLONG.*; retrying/u,
  );
});
