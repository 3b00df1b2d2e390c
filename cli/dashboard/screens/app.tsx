import { Box, Text, useInput } from 'ink';
import { memo, useLayoutEffect, useSyncExternalStore } from 'react';
import type { ReactElement } from 'react';
import type { KeyFlags } from '../keys.js';

export interface Frame {
  readonly columns: number;
  /** Coloured, none empty. */
  readonly lines: readonly string[];
}

/** What the screen needs of the program behind it. */
export interface FrameSource {
  readonly subscribe: (listener: () => void) => () => void;
  readonly frame: () => Frame;
  readonly input: (text: string, key: KeyFlags) => void;
}

/** Where rows put their text themselves. */
export interface Surface {
  readonly line: (at: number, text: string) => void;
  /** The frame has so many lines, and all of them are told. */
  readonly flush: (height: number) => void;
}

interface RowProps {
  readonly at: number;
  readonly text: string;
  readonly surface: Surface | undefined;
}

/**
 * Painted again only when its text is another one. On a surface its box stays empty: Ink would take every
 * character of every row apart for each frame, which at 200x50 is most of a frame's time.
 */
const Row = memo(function Row({ at, text, surface }: RowProps): ReactElement {
  useLayoutEffect(() => {
    surface?.line(at, text);
  }, [surface, at, text]);
  return surface === undefined ? <Text wrap="truncate-end">{text}</Text> : <Box height={1} />;
});

export interface AppProps {
  readonly source: FrameSource;
  /** Without one the rows are Ink's text. */
  readonly surface?: Surface;
}

/** Everything is decided in the view model; this puts its lines on the terminal and hands it keys. */
export function App({ source, surface }: AppProps): ReactElement {
  const frame = useSyncExternalStore(source.subscribe, source.frame);
  useInput((text, key) => {
    source.input(text, key);
  });
  // Effects of the rows come before those of what holds them.
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
