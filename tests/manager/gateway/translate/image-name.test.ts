import test from 'ava';
import { parseImage } from '../../../../manager/gateway/translate/image-name.js';

for (const [text, name, tag] of [
  ['redis', 'redis', ''],
  ['docker.io/library/redis:7', 'redis', '7'],
  ['localhost:5000/a/b', 'localhost:5000/a/b', ''],
  ['localhost:5000/a/b:c@sha256:d', 'localhost:5000/a/b', 'c'],
] as const) {
  test(`image ${text} is ${name} with tag "${tag}"`, (t) => {
    t.like(parseImage(text), { name, tag });
  });
}
