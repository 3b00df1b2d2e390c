import { connect } from 'node:net';

/**
 * A hostile DNS client: pipelines queries over one TCP connection and never reads. Prints the bytes
 * that the server's side took by the time it took no more for three seconds, or closed the connection.
 * Arguments: server, name, most bytes to send.
 */
const [server = '', name = '', most = '0'] = process.argv.slice(2);
const stalledMs = 3_000;
const labels = name
  .split('.')
  .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
const query = Buffer.concat([
  Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
  ...labels,
  Buffer.from([0, 0, 1, 0, 1]),
]);
const frame = Buffer.concat([Buffer.from([query.length >> 8, query.length & 0xff]), query]);
const chunk = Buffer.concat(Array.from({ length: 1000 }, () => frame));
const socket = connect({ host: server, port: 53 });
socket.pause();

function finish(): void {
  const sent = socket.bytesWritten - socket.writableLength;
  process.stdout.write(`${String(sent)}\n`, () => process.exit(0));
}

let stalled = setTimeout(finish, stalledMs * 2);
function pump(): void {
  clearTimeout(stalled);
  while (socket.bytesWritten < Number(most)) if (!socket.write(chunk)) break;
  if (socket.bytesWritten >= Number(most)) finish();
  else stalled = setTimeout(finish, stalledMs);
}
socket.on('connect', pump);
socket.on('drain', pump);
socket.on('error', finish);
socket.on('close', finish);
