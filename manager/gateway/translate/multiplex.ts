/**
 * The Docker Engine's framing of stdout and stderr on one stream: `{1|2, 0, 0, 0, length}`, then
 * data; the length is 4 bytes, big-endian.
 */
export function multiplexed(stream: 'stdout' | 'stderr', data: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(8 + data.length);
  frame[0] = stream === 'stdout' ? 1 : 2;
  frame.writeUInt32BE(data.length, 4);
  frame.set(data, 8);
  return frame;
}
