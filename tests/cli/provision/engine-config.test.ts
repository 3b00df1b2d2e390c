import test from 'ava';
import fc from 'fast-check';
import {
  revertDaemonJson,
  dropInPath,
  planEngineConfig,
  quoteUnitArgument,
  unitCommand,
} from '../../../cli/provision/engine-config.js';
import type { EngineOptions } from '../../../cli/inventory/machine-record.js';

const debianUnit = String.raw`# /lib/systemd/system/docker.service
[Unit]
Description=Docker Application Container Engine

[Service]
Type=notify
EnvironmentFile=-/etc/default/docker
ExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock \
  $DOCKER_OPTS
`;

const options: EngineOptions = {
  ArbitraryFlags: [],
  Env: [],
  InsecureRegistry: [],
  Labels: [],
  RegistryMirror: [],
  StorageDriver: '',
  TlsVerify: true,
};

function facts(unit: string, daemonJson?: string, swarm = false) {
  return { machine: 'node-1', unit, daemonJson, swarm };
}

function command(dropIn: string): string {
  return /^ExecStart=(\/.*)$/mu.exec(dropIn)?.[1] ?? '';
}

test('an engine without a port listens on its socket only', (t) => {
  const { dropIn } = planEngineConfig(facts(debianUnit), { port: undefined, options });
  t.true(
    dropIn.includes(
      'ExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS --label=provider=generic\n',
    ),
  );
  t.notRegex(dropIn, /tcp:|tls/u);
});

test("the drop-in keeps the unit's command and appends the TLS flags", (t) => {
  const { dropIn } = planEngineConfig(facts(debianUnit), { port: 2376, options });
  t.is(
    command(dropIn),
    '/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS --host=tcp://0.0.0.0:2376 --tlsverify --tlscacert=/etc/shoal/engine/ca.pem --tlscert=/etc/shoal/engine/server.pem --tlskey=/etc/shoal/engine/server-key.pem --label=provider=generic',
  );
  t.regex(dropIn, /^ExecStart=\nExecStart=\//mu);
});

test('an existing drop-in of shoal does not change the result', (t) => {
  const first = planEngineConfig(facts(debianUnit), { port: 2376, options });
  const again = planEngineConfig(facts(`${debianUnit}\n# ${dropInPath}\n${first.dropIn}`), {
    port: 2376,
    options,
  });
  t.is(again.dropIn, first.dropIn);
});

test("another tool's drop-in is kept except for its listener and certificates", (t) => {
  const machineDropIn = `
# /etc/systemd/system/docker.service.d/10-machine.conf
[Service]
ExecStart=
ExecStart=/usr/bin/dockerd -H tcp://0.0.0.0:2376 -H unix:///var/run/docker.sock --storage-driver overlay2 --tlsverify --tlscacert /etc/docker/ca.pem --tlscert /etc/docker/server.pem --tlskey /etc/docker/server-key.pem --label provider=generic
`;
  const { dropIn } = planEngineConfig(facts(debianUnit + machineDropIn), { port: 2376, options });
  t.true(
    command(dropIn).startsWith(
      '/usr/bin/dockerd -H unix:///var/run/docker.sock --storage-driver overlay2 --label provider=generic --host=tcp://0.0.0.0:2376 --tlsverify --tlscacert=/etc/shoal',
    ),
  );
});

test('an engine without any listener keeps its unix socket', (t) => {
  const unit = '# /lib/systemd/system/docker.service\nExecStart=/usr/bin/dockerd\n';
  const { dropIn } = planEngineConfig(facts(unit), { port: 2376, options });
  t.true(command(dropIn).startsWith('/usr/bin/dockerd -H unix:///var/run/docker.sock --host=tcp'));
});

test('labels and options become flags, quoted for systemd', (t) => {
  const { dropIn } = planEngineConfig(facts(debianUnit), {
    port: 2377,
    options: {
      ...options,
      Labels: ['disk=ssd', 'who=a "b" 100%'],
      ArbitraryFlags: ['dns=9.9.9.9', 'experimental'],
      InsecureRegistry: ['10.0.0.1:5000'],
      Env: ['HTTP_PROXY=http://p:1/$x'],
    },
  });
  t.regex(dropIn, /--host=tcp:\/\/0\.0\.0\.0:2377 /u);
  t.regex(dropIn, / --label=disk=ssd "--label=who=a \\"b\\" 100%%" /u);
  t.regex(dropIn, / --insecure-registry=10\.0\.0\.1:5000 --dns=9\.9\.9\.9 --experimental$/mu);
  // systemd.exec(5): "$" has no special meaning in Environment=, but "%" has.
  t.regex(dropIn, /^Environment="HTTP_PROXY=http:\/\/p:1\/\$x"$/mu);
});

test('a control character in an option never begins a line of the unit', (t) => {
  for (const control of ['\n', '\r', '\0', '\u0085', '\u001b', '\n\\\n']) {
    const value = `a=b${control}ExecStartPre=/bin/evil`;
    for (const key of ['Labels', 'Env', 'ArbitraryFlags', 'InsecureRegistry', 'RegistryMirror']) {
      const changed = { ...options, [key]: [value] };
      const error = t.throws(() =>
        planEngineConfig(facts(debianUnit), { port: 2376, options: changed }),
      );
      t.regex(error.message, /has a control character; remove it$/u);
      t.false(error.message.includes('evil'));
    }
    const changed = { ...options, StorageDriver: value };
    t.throws(() => planEngineConfig(facts(debianUnit), { port: 2376, options: changed }));
  }
});

test('a flag that conflicts with a key of daemon.json is rejected', (t) => {
  const json = '{"insecure-registries":["a"]}';
  t.notThrows(() => planEngineConfig(facts(debianUnit, json), { port: 2376, options }));
  const clash = { port: 2376, options: { ...options, InsecureRegistry: ['b'] } };
  t.throws(() => planEngineConfig(facts(debianUnit, json), clash), {
    message: /node-1: \/etc\/docker\/daemon.json sets "insecure-registries"/u,
  });
  t.throws(() => planEngineConfig(facts(debianUnit, '{"hosts":[]}'), { port: 2376, options }), {
    message: /sets "hosts"/u,
  });
  t.throws(() => planEngineConfig(facts(debianUnit, '{'), { port: 2376, options }), {
    message: 'node-1: /etc/docker/daemon.json: invalid JSON; fix that file first',
  });
});

test('live-restore is added to daemon.json unless it is set or the engine is in swarm mode', (t) => {
  const wanted = { port: 2376, options };
  t.deepEqual(JSON.parse(planEngineConfig(facts(debianUnit), wanted).daemonJson ?? ''), {
    'live-restore': true,
  });
  const merged =
    planEngineConfig(facts(debianUnit, '{"log-driver":"local"}'), wanted).daemonJson ?? '';
  t.deepEqual(JSON.parse(merged), { 'log-driver': 'local', 'live-restore': true });
  t.deepEqual(JSON.parse(revertDaemonJson('node-1', merged) ?? ''), { 'log-driver': 'local' });
  t.is(revertDaemonJson('node-1', '{"live-restore":true}'), undefined);
  t.is(planEngineConfig(facts(debianUnit, '{"live-restore":false}'), wanted).daemonJson, undefined);
  t.is(planEngineConfig(facts(debianUnit, undefined, true), wanted).daemonJson, undefined);
});

test('a unit without ExecStart is rejected', (t) => {
  t.is(unitCommand('# /lib/systemd/system/docker.service\n[Service]\nExecStart=\n'), undefined);
  t.throws(() => planEngineConfig(facts(''), { port: 2376, options }), {
    message: /has no ExecStart/u,
  });
});

test('quoting for systemd is reversible for every argument', (t) => {
  const unescape = (text: string): string =>
    (text.startsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/gu, '$1') : text)
      .replaceAll('%%', '%')
      .replaceAll('$$', '$');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii' }), (argument) => {
      const quoted = quoteUnitArgument(argument);
      t.is(unescape(quoted), argument);
      t.notRegex(quoted, /\p{Cc}/u);
    }),
  );
});

test('a daemon.json that is not an object is named when it is changed and when it is restored', (t) => {
  const expected = {
    message: 'node-1: /etc/docker/daemon.json: the value must be an object; fix that file first',
  };
  t.throws(() => planEngineConfig(facts(debianUnit, '[]'), { port: 2376, options }), expected);
  t.throws(() => revertDaemonJson('node-1', '[]'), expected);
});
