import test from 'ava';
import {
  firstFileOf,
  needsUserDatabase,
  resolveOwner,
} from '../../../../worker/executor/docker/file-owner.js';

const database = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nwww:x:33:34::/var/www:/bin/false\n',
  group: 'root:x:0:\nstaff:x:50:www\n',
};

for (const [user, uid, gid] of [
  ['', 0, 0],
  ['1000:1000', 1000, 1000],
  ['1000', 1000, 0],
  ['33', 33, 34],
  ['www', 33, 34],
  ['www:staff', 33, 50],
  ['www:7', 33, 7],
  ['1000:staff', 1000, 50],
  ['nobody-here', 0, 0],
] as const) {
  test(`files of user "${user}" belong to ${uid}:${gid}`, (t) => {
    t.deepEqual(resolveOwner(user, database), { uid, gid });
  });
}

test('only names and single numbers need the user database', (t) => {
  const users = ['', '0', 'root', '1000:1000', '1000', 'www', 'www:7', '7:staff'];
  t.deepEqual(users.filter(needsUserDatabase), ['1000', 'www', 'www:7', '7:staff']);
});

test('the first file of an archive is read, a link is not followed', (t) => {
  const header = Buffer.alloc(512);
  header.write('passwd');
  header.write('00000000005', 124);
  header.write('0', 156);
  const archive = Buffer.concat([header, Buffer.from('a:x:1'), Buffer.alloc(507)]);
  t.is(firstFileOf(archive), 'a:x:1');
  const extension = Buffer.from(archive);
  extension.write('x', 156);
  t.is(firstFileOf(Buffer.concat([extension, archive])), 'a:x:1');
  archive.write('2', 156);
  t.is(firstFileOf(archive), '');
  t.is(firstFileOf(Buffer.alloc(0)), '');
});
