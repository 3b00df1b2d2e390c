import { createSocket } from 'node:dgram';

/**
 * Load generator for a container's network namespace: keeps `window` queries for a name in flight
 * on each of 8 sockets and prints answers per second. Arguments: server, name, seconds, window. For
 * machines without dnsperf; it needs a core of its own.
 */
const [server = '', name = '', seconds = '3', window = '16'] = process.argv.slice(2);
const labels = name
  .split('.')
  .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
const query = Buffer.concat([
  Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
  ...labels,
  Buffer.from([0, 0, 1, 0, 1]),
]);
let answers = 0;
let failures = 0;
for (let index = 0; index < 8; index += 1) {
  const socket = createSocket('udp4');
  const message = Buffer.from(query);
  message.writeUInt16BE(index, 0);
  socket.on('message', (answer) => {
    answers += 1;
    if (((answer[3] ?? 0) & 15) !== 0) failures += 1;
    socket.send(message);
  });
  socket.connect(53, server, () => {
    for (let sent = 0; sent < Number(window); sent += 1) socket.send(message);
  });
}
const since = performance.now();
setTimeout(
  () => {
    const rate = (answers * 1000) / (performance.now() - since);
    process.stdout.write(`${JSON.stringify({ rate, failures })}\n`);
    process.exit(0);
  },
  Number(seconds) * 1000,
);
