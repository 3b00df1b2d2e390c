import { createSocket } from 'node:dgram';

/**
 * Runs inside a machine's network namespace: queries a DNS server for a name every 5 ms and prints
 * a JSON line, `{at, addresses}` with `at` in ms since the epoch, whenever the answer changes.
 * Arguments: server, name. Exits at the end of its input.
 */
const [server = '', name = ''] = process.argv.slice(2);
const socket = createSocket('udp4');
let last = '';

function query(id: number): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

/**
 * Addresses of the A records. Names in answers are skipped: two bytes if compressed, otherwise
 * label by label.
 */
function addresses(message: Buffer): readonly string[] {
  let at = 12;
  const skipName = (): void => {
    while (at < message.length) {
      const length = message[at] ?? 0;
      if (length >= 192) {
        at += 2;
        return;
      }
      at += length + 1;
      if (length === 0) return;
    }
  };
  skipName();
  at += 4;
  const found: string[] = [];
  for (let i = 0; i < message.readUInt16BE(6); i += 1) {
    skipName();
    const type = message.readUInt16BE(at);
    const length = message.readUInt16BE(at + 8);
    if (type === 1) found.push([...message.subarray(at + 10, at + 14)].join('.'));
    at += 10 + length;
  }
  return found.sort();
}

socket.on('message', (message) => {
  const now = addresses(message).join(' ');
  if (now === last) return;
  last = now;
  process.stdout.write(
    `${JSON.stringify({ at: Date.now(), addresses: now === '' ? [] : now.split(' ') })}\n`,
  );
});
socket.on('error', () => undefined);
let id = 0;
const timer = setInterval(() => {
  id = (id + 1) & 0xffff;
  socket.send(query(id), 53, server, () => undefined);
}, 5);
process.stdin.on('end', () => {
  clearInterval(timer);
  socket.close();
});
process.stdin.resume();
