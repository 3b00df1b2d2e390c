import { Box, Text, useInput } from 'ink';
import { memo, useSyncExternalStore } from 'react';
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

/** Painted again only when its text is another one. */
const Row = memo(function Row({ text }: { readonly text: string }): ReactElement {
  return <Text wrap="truncate-end">{text}</Text>;
});

/** Everything is decided in the view model; this puts its lines on the terminal and hands it keys. */
export function App({ source }: { readonly source: FrameSource }): ReactElement {
  const { columns, lines } = useSyncExternalStore(source.subscribe, source.frame);
  useInput((text, key) => {
    source.input(text, key);
  });
  return (
    <Box flexDirection="column" width={columns} flexShrink={0}>
      {lines.map((text, at) => (
        <Row key={at} text={text} />
      ))}
    </Box>
  );
}
