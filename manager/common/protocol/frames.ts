/**
 * Binary frames of exec, attach and image streams: the first byte is the channel, the rest is data.
 * An empty `stdin` frame is end of input. `exit` carries the exit code as decimal text, `error` one
 * line.
 */
export const streamChannels = { stdin: 0, stdout: 1, stderr: 2, exit: 3, error: 4 } as const;
export type StreamChannel = keyof typeof streamChannels;

const names = Object.keys(streamChannels) as StreamChannel[];

export function encodeStreamFrame(channel: StreamChannel, data: Uint8Array | string): Uint8Array {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const message = new Uint8Array(bytes.length + 1);
  message[0] = streamChannels[channel];
  message.set(bytes, 1);
  return message;
}

/** Parses a frame; undefined if the message is not a frame. */
export function decodeStreamFrame(
  message: Uint8Array,
): { readonly channel: StreamChannel; readonly data: Uint8Array } | undefined {
  const channel = names[message[0] ?? -1];
  return channel === undefined ? undefined : { channel, data: message.subarray(1) };
}
