/**
 * An output stream, reduced to the operations of commands, so that tests can capture the output.
 */
export interface TextSink {
  write(data: string | Uint8Array): void;
  readonly isTTY: boolean;
  /** Width of the terminal; 80 without a terminal. */
  readonly columns: number;
  readonly rows: number;
  /**
   * Registers a listener for changes of the terminal's size; returns the function that removes it.
   */
  onResize(listener: () => void): () => void;
}

export function sinkOf(stream: NodeJS.WriteStream): TextSink {
  return {
    write: (data) => void stream.write(data),
    // Undefined if the stream is not a terminal, contrary to its type.
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

/**
 * Decides on colours: --ansi, then NO_COLOR (https://no-color.org), then whether it is a terminal.
 */
export function useColor(ansi: AnsiMode, env: NodeJS.ProcessEnv, sink: TextSink): boolean {
  if (ansi !== 'auto') return ansi === 'always';
  const noColor = env.NO_COLOR;
  if (noColor !== undefined && noColor !== '') return false;
  return sink.isTTY && env.TERM !== 'dumb';
}
