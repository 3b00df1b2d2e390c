import { createSocket } from 'node:dgram';

/**
 * UDP from a container's network namespace. `listen PORT` prints the text of each datagram on a
 * line; `send ADDRESS PORT HEX [SOURCE]` sends one datagram, from a given local address.
 */
const [mode, ...rest] = process.argv.slice(2);
const socket = createSocket('udp4');
if (mode === 'listen') {
  socket.on('message', (text) => process.stdout.write(`${text.toString()}\n`));
  socket.bind(Number(rest[0]), () => process.stdout.write('ready\n'));
} else {
  const [address = '', port = '0', hex = '', source] = rest;
  socket.bind(0, source, () => {
    socket.send(Buffer.from(hex, 'hex'), Number(port), address, () => {
      socket.close();
    });
  });
}
