/** Where output goes: what a command needs of a stream, so that tests can read what it wrote. */
export interface TextSink {
  write(data: string | Uint8Array): void;
  readonly isTTY: boolean;
  /** Width of the terminal; 80 when there is none. */
  readonly columns: number;
  readonly rows: number;
  /** Calls back when the terminal's size changes; returns the way to end that. */
  onResize(listener: () => void): () => void;
}

export function sinkOf(stream: NodeJS.WriteStream): TextSink {
  return {
    write: (data) => void stream.write(data),
    // Undefined when the stream is no terminal, whatever the types say.
    get isTTY() {
      return (stream.isTTY as boolean | undefined) === true;
    },
    get columns() {
      return (stream.columns as number | undefined) ?? 80;
    },
    get rows() {
      return (stream.rows as number | undefined) ?? 24;
    },
    onResize: (listener) => {
      stream.on('resize', listener);
      return () => {
        stream.off('resize', listener);
      };
    },
  };
}

export type AnsiMode = 'auto' | 'never' | 'always';

/** Whether to colour: the flag, then NO_COLOR (https://no-color.org), then whether it is a terminal. */
export function useColor(ansi: AnsiMode, env: NodeJS.ProcessEnv, sink: TextSink): boolean {
  if (ansi !== 'auto') return ansi === 'always';
  const noColor = env.NO_COLOR;
  if (noColor !== undefined && noColor !== '') return false;
  return sink.isTTY && env.TERM !== 'dumb';
}
