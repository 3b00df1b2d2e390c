import { Box, Text, useInput } from 'ink';
import { memo, useLayoutEffect, useSyncExternalStore } from 'react';
import type { ReactElement } from 'react';
import type { InkKeyFlags } from '../terminal-input.js';

export interface ScreenFrame {
  readonly columns: number;
  /** With SGR sequences; none is empty. */
  readonly lines: readonly string[];
}

/** Supplies frames to the screen and receives its input. */
export interface FrameSource {
  readonly subscribe: (listener: () => void) => () => void;
  readonly frame: () => ScreenFrame;
  readonly input: (text: string, key: InkKeyFlags) => void;
}

/** An output to which rows write directly, without Ink's layout. */
export interface Surface {
  readonly line: (at: number, text: string) => void;
  /** Ends a frame of `height` lines, after all changed lines were passed to `line`. */
  readonly flush: (height: number) => void;
}

interface RowProps {
  readonly at: number;
  readonly text: string;
  readonly surface: Surface | undefined;
}

/**
 * Rendered only when its text changes. With a surface its box stays empty: Ink would split every
 * row into characters for each frame, which at 200x50 takes most of a frame's time.
 */
const Row = memo(function Row({ at, text, surface }: RowProps): ReactElement {
  useLayoutEffect(() => {
    surface?.line(at, text);
  }, [surface, at, text]);
  return surface === undefined ? <Text wrap="truncate-end">{text}</Text> : <Box height={1} />;
});

export interface AppProps {
  readonly source: FrameSource;
  /** Undefined to render the rows as Ink text. */
  readonly surface?: Surface;
}

/** Renders the lines of the view model and passes input to it; has no logic of its own. */
export function App({ source, surface }: AppProps): ReactElement {
  const frame = useSyncExternalStore(source.subscribe, source.frame);
  useInput((text, key) => {
    source.input(text, key);
  });
  // React runs the layout effects of rows before those of their parent.
  useLayoutEffect(() => {
    surface?.flush(frame.lines.length);
  }, [surface, frame]);
  return (
    <Box flexDirection="column" width={surface === undefined ? frame.columns : 1} flexShrink={0}>
      {frame.lines.map((text, at) => (
        <Row key={at} at={at} text={text} surface={surface} />
      ))}
    </Box>
  );
}
