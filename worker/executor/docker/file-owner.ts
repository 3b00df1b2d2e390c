/** Owner of a file on the host. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** Content of a container's user and group database. */
export interface UserDatabase {
  readonly passwd: string;
  readonly group: string;
}

export const rootOwner: FileOwner = { uid: 0, gid: 0 };

/** Whether resolving `user` (`name|uid[:group|gid]`) needs the container's user database. */
export function needsUserDatabase(user: string): boolean {
  return !/^(?:|0|root|[0-9]+:[0-9]+)$/u.test(user);
}

/**
 * Resolves the user of a container as the engine does: numbers need no entry, a user without a group
 * has the group of its entry. Unknown names resolve to root; the engine rejects them at the start.
 */
export function resolveOwner(user: string, database: UserDatabase): FileOwner {
  const [name = '', groupName = ''] = user.split(':');
  const entry = entriesOf(database.passwd).find(
    ([login, , uid]) => name !== '' && (login === name || uid === name),
  );
  const uid = idOf(name) ?? idOf(entry?.[2]) ?? rootOwner.uid;
  if (groupName === '') return { uid, gid: idOf(entry?.[3]) ?? rootOwner.gid };
  const group = entriesOf(database.group).find(([title]) => title === groupName);
  return { uid, gid: idOf(groupName) ?? idOf(group?.[2]) ?? rootOwner.gid };
}

function entriesOf(text: string): readonly (readonly string[])[] {
  return text.split('\n').map((line) => line.trim().split(':'));
}

function idOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,10}$/u.test(text) ? Number(text) : undefined;
}

const blockBytes = 512;

/** Type flags of headers that only describe the next entry (PAX and GNU extensions). */
const extensionTypes = 'xgLK';

/** Text of a tar archive's first entry; empty unless it is a regular file. */
export function firstFileOf(archive: Buffer): string {
  for (let at = 0; at + blockBytes <= archive.length;) {
    const header = archive.subarray(at, at + blockBytes);
    const type = header.toString('latin1', 156, 157);
    const size = parseInt(header.toString('latin1', 124, 136), 8) || 0;
    const from = at + blockBytes;
    if (!extensionTypes.includes(type)) {
      return type === '0' || type === '\0' ? archive.toString('utf8', from, from + size) : '';
    }
    at = from + Math.ceil(size / blockBytes) * blockBytes;
  }
  return '';
}
