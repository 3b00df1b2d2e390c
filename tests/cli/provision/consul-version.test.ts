import test from 'ava';
import { checkConsulVersion } from '../../../cli/provision/consul-version.js';

function accepts(version: string | undefined, isServer: boolean): boolean {
  try {
    checkConsulVersion('m1', version, { isServer });
    return true;
  } catch {
    return false;
  }
}

test('a server needs the fixes of 1.8.6', (t) => {
  for (const good of ['1.8.6', '1.8.7', '1.9.0', '1.22.3', '2.0.0']) t.true(accepts(good, true));
  for (const old of [undefined, '1.8.5', '1.7.14', '0.9.9']) t.false(accepts(old, true));
});

test('an agent that is no server needs servers that refuse its certificate on Raft', (t) => {
  for (const good of ['1.8.15', '1.9.9', '1.9.17', '1.10.2', '1.11.0', '1.22.0', '2.0.0'])
    t.true(accepts(good, false));
  for (const old of ['1.8.7', '1.8.14', '1.9.8', '1.10.1', '1.7.14']) t.false(accepts(old, false));
});

test('the error names the version found and the versions that are fixed', (t) => {
  t.throws(
    () => {
      checkConsulVersion('m1', '1.8.7', { isServer: false });
    },
    {
      message:
        /^m1: consul 1\.8\.7 lacks .* 1\.8\.15, 1\.9\.9, 1\.10\.2 or later .*--consul-binary$/u,
    },
  );
  t.throws(
    () => {
      checkConsulVersion('m1', undefined, { isServer: true });
    },
    {
      message: /consul of an unknown version .* 1\.8\.6 or later/u,
    },
  );
});
