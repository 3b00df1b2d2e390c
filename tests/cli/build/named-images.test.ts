import test from 'ava';
import { namedImages } from '../../../cli/build/named-images.js';
import { withNamedContexts } from '../../../cli/build/named-contexts.js';

function namesIn(
  dockerfile: string,
  args: Readonly<Record<string, string>> = {},
  cacheFrom: readonly string[] = [],
): readonly string[] {
  return [...namedImages({ dockerfile, args, cacheFrom })].sort();
}

test('base images are named, stages and scratch are not', (t) => {
  const dockerfile = `
    FROM --platform=linux/amd64 a.example/go:1 AS Build
    from build as test
    FROM scratch
    COPY --from=build /x /x
    COPY --from=0 /x /x
    FROM later
    FROM b.example/base AS later`;
  t.deepEqual(namesIn(dockerfile), ['a.example/go:1', 'b.example/base', 'later']);
});

test('images of COPY --from, mounts, triggers and the syntax directive are named', (t) => {
  const dockerfile = `# syntax = s.example/frontend:1
FROM alpine AS build
COPY --chown=1 --from=c.example/tools /x /x
RUN --mount=type=bind,from=m.example/data,target=/d --mount=type=cache,from=build,target=/e true
ONBUILD COPY --from=o.example/late /x /x`;
  t.deepEqual(namesIn(dockerfile), [
    'alpine',
    'c.example/tools',
    'm.example/data',
    'o.example/late',
    's.example/frontend:1',
  ]);
});

test('arguments before the first FROM are resolved, given values first', (t) => {
  const dockerfile = `ARG REGISTRY=a.example TAG="1"
ARG BASE=\${REGISTRY}/base
ARG MIRROR
FROM $BASE:\${TAG}
FROM "\${MIRROR:-\${REGISTRY}}/fallback" AS x
FROM \${MIRROR:+m.example/}other
ARG REGISTRY=late.example
FROM \${REGISTRY}/again-\${TARGETARCH}`;
  t.deepEqual(namesIn(dockerfile), [
    'a.example/again-',
    'a.example/base:1',
    'a.example/fallback',
    'other',
  ]);
  t.deepEqual(namesIn(dockerfile, { REGISTRY: 'b.example', MIRROR: 'm.example', UNUSED: 'u' }), [
    'b.example/again-',
    'b.example/base:1',
    'm.example/fallback',
    'm.example/other',
  ]);
});

test('continued lines are joined, comments and here-documents name nothing', (t) => {
  const dockerfile = `FROM \\
  # FROM commented.example/x
  a.example/x \\
  AS one
# FROM commented.example/y
RUN <<END
FROM document.example/x
END
RUN echo $((1 << 2)) <<MISSING
FROM b.example/x`;
  t.deepEqual(namesIn(dockerfile), ['a.example/x', 'b.example/x']);
  t.deepEqual(namesIn('# escape=`\r\nFROM `\r\n c.example/x\r\n'), ['c.example/x']);
});

test('images of the cache and of named contexts are named', (t) => {
  const contexts = [{ kind: 'image', name: 'base', image: 'n.example/base' }] as const;
  const dockerfile = withNamedContexts('FROM base\nCOPY --from=base /x /x', contexts);
  t.deepEqual(namesIn(dockerfile, {}, ['cache.example/x']), ['cache.example/x', 'n.example/base']);
});
