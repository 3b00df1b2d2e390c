/**
 * Binary frames of exec, attach and image streams: the first byte is the channel, the rest is data.
 * An empty `stdin` frame is end of input. `exit` carries the exit code as decimal text, `error` one
 * line.
 */
export const channels = { stdin: 0, stdout: 1, stderr: 2, exit: 3, error: 4 } as const;
export type Channel = keyof typeof channels;

const names = Object.keys(channels) as Channel[];

export function frame(channel: Channel, data: Uint8Array | string): Uint8Array {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const message = new Uint8Array(bytes.length + 1);
  message[0] = channels[channel];
  message.set(bytes, 1);
  return message;
}

/** Parses a frame; undefined if the message is not a frame. */
export function unframe(
  message: Uint8Array,
): { readonly channel: Channel; readonly data: Uint8Array } | undefined {
  const channel = names[message[0] ?? -1];
  return channel === undefined ? undefined : { channel, data: message.subarray(1) };
}
