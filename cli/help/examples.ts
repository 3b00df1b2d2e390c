/**
 * Examples at the end of a command's `--help`, by the command's path: the line to type and its
 * effect. Commands that add their own examples after their options have no entry here.
 */
export const examples: Readonly<
  Record<string, readonly (readonly [line: string, does: string])[]>
> = {
  attach: [
    ['shoal attach web', 'attach to web; detach with ctrl-p ctrl-q'],
    ['shoal attach --no-stdin --index 2 web', 'watch the output of its second container'],
  ],
  audit: [
    ['shoal audit --since 1h', 'requests of the last hour'],
    ['shoal audit --client ci --follow', 'what client ci does now, also what it is refused'],
    ['shoal audit -n 20 --format json', 'for a script'],
    ['shoal audit -f -n 0 --format syslog | nc logs 514', 'new entries to a syslog server'],
  ],
  bridge: [['shoal config > app.yaml', 'one resolved file, for docker compose bridge']],
  build: [
    ['shoal build', 'all services with a build section'],
    ['shoal build --no-cache --push web', 'rebuild without cache, then push to the registry'],
    ['shoal build --print | docker buildx bake -f - --push', 'build with buildx on this computer'],
  ],
  ca: [['shoal ca status', 'the cluster CA and the certificates of its members']],
  'ca protect': [['shoal ca protect', 'encrypt the key of the root CA; asks for a passphrase']],
  'ca rotate': [
    ['shoal ca rotate', 'replace the cluster CA without downtime'],
    ['shoal ca rotate --engines', 'engines refuse every copied certificate'],
    ['shoal ca rotate --root', 'replace the root CA on all machines'],
  ],
  'ca rotate-key': [['shoal ca rotate-key', 're-encrypt secrets after cluster.key has leaked']],
  'ca revoke': [['shoal ca revoke old/cert.pem', 'revoke the certificate of a lost computer']],
  'ca set': [
    ['shoal ca set --certificate-lifetime 30d', 'node certificates are valid for 30 days'],
  ],
  'ca status': [['shoal ca status', 'the cluster CA and the certificates of its members']],
  'ca unprotect': [['shoal ca unprotect', 'store the key of the root CA without a passphrase']],
  client: [['shoal client ls', 'the clients and their rights']],
  'client create': [
    [
      'shoal client create ci --role deploy --project shop --passphrase-file phrase',
      'a client that deploys shop only; writes ci.shoal-client',
    ],
    ['shoal client create viewer --passphrase-file phrase', 'a client that sees the cluster'],
  ],
  'client ls': [['shoal client ls --format json', 'for a script']],
  'client renew': [['shoal client renew ci --passphrase-file phrase', 'a further certificate']],
  'client rm': [['shoal client rm ci', 'revoke a stolen certificate; its open streams end']],
  'client update': [['shoal client update ci --role read', 'take away the right to deploy']],
  cluster: [['shoal cluster ls', 'list clusters; * marks the current one']],
  'cluster import': [
    [
      'shoal cluster import ci.shoal-client --passphrase-file phrase',
      'use a cluster as its client',
    ],
  ],
  'cluster ls': [["shoal cluster ls --format '{{.Name}} {{.Managers}}'", 'for a script']],
  'cluster use': [['shoal cluster use alpha', 'make alpha the current cluster']],
  commit: [
    ['shoal commit web shop/web:debug', 'create an image from its container, on its node'],
    [
      "shoal commit -c 'CMD [\"sh\"]' -m 'with tools' web shop/tools",
      'change the command of the image',
    ],
  ],
  completion: [
    ['source <(shoal completion bash)', 'for this shell; add it to ~/.bashrc for all shells'],
    ['shoal completion zsh > ~/.zfunc/_shoal', 'write it to a folder in the fpath of zsh'],
    ['shoal completion fish | source', 'for this shell'],
  ],
  config: [
    ['shoal config', 'the resolved Compose files'],
    ['shoal config --services', 'service names only'],
    ['shoal -f a.yml -f b.yml config --format json', 'two files merged, as JSON'],
  ],
  create: [['shoal create --scale web=3 web', 'create containers; start them with "shoal start"']],
  'config-object': [['shoal config-object ls', 'list configs; "shoal config" shows Compose files']],
  'config-object create': [
    ['shoal config-object create nginx.conf ./nginx.conf', 'create a config from a file'],
  ],
  'config-object ls': [["shoal config-object ls --format '{{.Name}}'", 'for a script']],
  'config-object inspect': [
    ['shoal config-object inspect nginx.conf', 'labels, times and contents of a config'],
  ],
  'config-object rm': [['shoal config-object rm nginx.conf', 'remove an unused config']],
  cp: [
    ['shoal cp web:/etc/hostname .', 'copy from the container'],
    ['shoal cp page.html web:/srv/ --all', 'copy to every container of web'],
  ],
  down: [
    ['shoal down', 'remove containers and networks of the project'],
    ['shoal down -v', 'also remove named volumes and their data'],
  ],
  env: [
    ['eval "$(shoal env)"', 'docker ps, logs, stats … act on the whole cluster'],
    ['eval "$(shoal env -u)"', "docker acts on this computer's engine again"],
  ],
  exec: [
    ['shoal exec web sh', 'open a shell in its container, on any node'],
    [
      'shoal exec -T --index 2 db pg_dump app > app.sql',
      'run without a terminal, output to a file',
    ],
  ],
  explain: [
    ['shoal explain', 'all services of the project'],
    ['shoal explain web', 'the placement of its tasks and the reasons'],
  ],
  export: [['shoal export -o web.tar web', "save the container's file system"]],
  images: [["shoal images --format '{{.Repository}}:{{.Tag}} {{.Node}}'", 'for a script']],
  join: [['shoal join --token TOKEN 10.0.0.1', 'run as root on the machine that joins']],
  kill: [['shoal kill -s SIGHUP web', 'make web reload its configuration']],
  local: [['shoal local status', 'status of the local cluster']],
  'local start': [['shoal local start', 'start it; "shoal up" also does this']],
  'local stop': [['shoal local stop', 'stop it; containers keep running']],
  'local status': [['shoal local status', 'process ids and manager address']],
  'local rm': [['shoal local rm', 'remove its containers, networks and records']],
  logs: [
    ['shoal logs -f web', 'follow all its containers'],
    ['shoal logs --since 10m --tail 100', 'recent lines of all services'],
  ],
  ls: [
    ['shoal ls', 'running projects'],
    ['shoal ls -a --filter name=shop', 'include stopped projects'],
  ],
  machine: [
    ['shoal machine ls', 'list machines and their state'],
    ['shoal machine ssh node-1 uptime', 'run a command on a machine'],
  ],
  'machine create': [
    [
      'shoal machine create --swarm --swarm-master --generic-ip-address 192.0.2.11 alpha',
      'create a cluster with one machine',
    ],
    [
      'shoal machine create --swarm --generic-ip-address 192.0.2.12 beta',
      'add a machine to the cluster',
    ],
    [
      'shoal machine create --swarm-master --restore shop.backup --generic-ip-address 192.0.2.14 delta',
      'replace a lost manager from a backup',
    ],
  ],
  'machine ls': [
    ['shoal machine ls --filter state=running -q', 'names of running machines'],
    ["shoal machine ls --format '{{.Name}} {{.URL}}'", 'for a script'],
  ],
  'machine inspect': [
    ["shoal machine inspect -f '{{.Driver.IPAddress}}' alpha", 'one field of its record'],
  ],
  'machine ip': [['shoal machine ip alpha beta', 'one address per line']],
  'machine url': [['shoal machine url alpha', 'URL of its Docker Engine']],
  'machine status': [['shoal machine status alpha', 'Running, Stopped or Timeout']],
  'machine active': [['shoal machine active', 'the machine that DOCKER_HOST names']],
  'machine env': [
    ['eval "$(shoal machine env alpha)"', "point docker at alpha's engine"],
    ['eval "$(shoal machine env -u)"', 'unset the variables'],
  ],
  'machine config': [
    ['docker $(shoal machine config alpha) ps', 'run one docker command on alpha'],
  ],
  'machine ssh': [
    ['shoal machine ssh alpha journalctl -u docker', 'run a command; without one, a shell'],
  ],
  'machine scp': [['shoal machine scp -r alpha:/var/log ./logs', 'copy a folder from alpha']],
  'machine provision': [
    ['shoal machine provision alpha', 'update alpha after an upgrade of shoal'],
    ['shoal machine provision --no-engine-port alpha', 'close port 2376 of its engine'],
  ],
  'machine regenerate-certs': [
    ['shoal machine regenerate-certs -f alpha', 'renew its certificates without asking'],
  ],
  'machine rm': [['shoal machine rm beta', 'uninstall Shoal; tasks move, the engine stays']],
  manager: [['shoal manager ls', 'list managers and the leader']],
  'manager ls': [["shoal manager ls --format '{{json .}}'", 'for a script']],
  'manager promote': [
    ['shoal manager promote beta gamma', 'three managers tolerate the loss of one'],
  ],
  'manager demote': [['shoal manager demote gamma', 'make it a worker; containers stay']],
  'manager rm': [['shoal manager rm gamma', 'remove a permanently lost manager']],
  network: [['shoal network ls', 'list networks and their subnets']],
  'network create': [
    ['shoal network create --subnet 10.9.0.0/24 shared', 'for projects that use it as external'],
  ],
  'network ls': [['shoal network ls --filter project=shop -q', 'network ids of one project']],
  'network inspect': [
    ["shoal network inspect -f '{{json .Containers}}' shared", 'its containers and their nodes'],
  ],
  'network rm': [['shoal network rm shared', 'remove an unused network']],
  node: [['shoal node ls', 'list nodes with status and availability']],
  'node ls': [["shoal node ls --filter role=worker --format '{{.Hostname}}'", 'for a script']],
  'node inspect': [
    ["shoal node inspect -f '{{json .Spec.Labels}}' node-1", 'the labels of a node'],
  ],
  'node update': [
    ['shoal node update --availability drain node-2', 'move its tasks to other nodes'],
    ['shoal node update --availability drain --force node-2', 'stop its tasks at once'],
    ['shoal node update --label-add disk=ssd node-2', 'add a label for placement constraints'],
  ],
  'node rm': [['shoal node rm node-3', 'remove a permanently lost node']],
  pause: [['shoal pause web', 'freeze its processes; resume with "shoal unpause"']],
  port: [['shoal port --index 2 web 80', 'machine and port of its second container']],
  project: [
    ['shoal project policy show', 'the projects whose deployers have rights over machines'],
  ],
  'project policy': [
    [
      'shoal project policy shop --allow-bind /srv/shop --allow-capability NET_ADMIN',
      'let deployers of shop mount that folder and add that capability',
    ],
    ['shoal project policy shop --deny-capability NET_ADMIN', 'take the capability back'],
  ],
  'project policy reset': [['shoal project policy reset shop', 'back to no right over machines']],
  'project policy show': [['shoal project policy show --format json', 'for a script']],
  'project quota': [
    ['shoal project quota shop --cpus 8 --memory 16g --containers 40', 'limit what shop uses'],
    ['shoal project quota shop --cpus none', 'lift one limit'],
  ],
  'project quota reset': [['shoal project quota reset shop', 'lift all limits of shop']],
  'project quota show': [['shoal project quota show shop', 'what shop uses, and its limits']],
  publish: [
    ['shoal config --resolve-image-digests > app.yaml', 'one resolved file, to share'],
    ['shoal push', 'push the images that were built'],
  ],
  pull: [['shoal pull --policy missing', 'pull missing images on all eligible nodes']],
  push: [['shoal push web', 'push from a node that has the image']],
  restart: [['shoal restart -t 3 web', 'restart with a stop timeout of three seconds']],
  rm: [['shoal rm -fs web', 'stop and remove without asking']],
  roll: [['shoal roll web', 'replace its containers, following update_config']],
  rollback: [
    ['shoal rollback web', 'return to the previous spec; repeat it to undo'],
    ['shoal rollback', 'all services with a previous spec'],
  ],
  run: [
    ['shoal run --rm web sh', 'open a shell in a one-off container'],
    ['shoal run --rm -T db psql -c "select 1"', 'for a script; exits with its exit code'],
    ['shoal run --rm --env-from-file test.env web npm test', 'with the variables of a file'],
  ],
  scale: [['shoal scale web=5 worker=2', 'scale and wait until the tasks run']],
  secret: [['shoal secret ls', 'list secrets, without contents']],
  'secret create': [
    [
      'openssl rand -hex 16 | shoal secret create db_password -',
      'leaves no trace in a file or the shell history',
    ],
  ],
  'secret ls': [
    ["shoal secret ls --format '{{.Name}}'", 'for a script'],
    ['shoal secret ls --filter label=team=a', 'filter by label; also id=, name=, project='],
  ],
  'secret inspect': [['shoal secret inspect db_password', 'labels and times of a secret']],
  'secret rm': [['shoal secret rm db_password', 'remove an unused secret']],
  start: [['shoal start --wait web', 'start it and wait until it is healthy']],
  stop: [['shoal stop -t 30 web', 'stop it within 30 seconds; containers stay']],
  store: [['shoal store backup', 'back up the running cluster']],
  'store backup': [
    ['shoal store backup', 'write CLUSTER-TIME.backup'],
    ['shoal store backup - | gzip > shop.backup.gz', 'compress the backup'],
  ],
  'store export': [
    [
      'shoal store export --config /etc/shoal/manager.json /root/shop.backup',
      'back up a stopped manager',
    ],
  ],
  'store verify': [['shoal store verify shop.backup', 'check a backup and show its header']],
  'store import': [
    ['shoal store import --replace shop.backup', 'restore a backup; containers keep running'],
  ],
  'store migrate': [
    ['shoal store migrate consul://10.0.0.5:8500', 'share the store between several managers'],
    ['shoal store migrate embedded', 'return to the embedded store'],
  ],
  token: [['shoal token create --uses 1', 'for one machine, valid for a day']],
  'token create': [
    ['shoal token create --uses 1', 'for one machine, valid for a day'],
    ['shoal token create -q --ttl 1h --label rack7 > token', 'for a script'],
  ],
  'token ls': [['shoal token ls', 'list tokens, without their secrets']],
  'token rm': [['shoal token rm $(shoal token ls -q)', 'remove all tokens; joined machines stay']],
  'token rotate': [['shoal token rotate abc123', 'replace a leaked token']],
  top: [['shoal top web', 'processes of all its containers']],
  unpause: [['shoal unpause web', 'resume its processes']],
  up: [
    ['shoal up -d', 'start the project, spread over the nodes'],
    ['shoal up -d --wait --scale web=3', 'scale web and wait until all are healthy'],
    ['shoal up --dry-run', 'show what would change'],
  ],
  version: [["shoal version --format '{{.Client.Version}}'", 'for a script']],
  volume: [['shoal volume ls', 'list volumes and their nodes']],
  'volume create': [['shoal volume create data', 'its first task decides the node']],
  'volume ls': [['shoal volume ls --filter dangling=true -q', 'names of unused volumes']],
  'volume inspect': [["shoal volume inspect -f '{{.Nodes}}' data", 'nodes that hold its data']],
  'volume rm': [['shoal volume rm data', 'remove it and its data on every node']],
  volumes: [['shoal volumes web', "volumes of web's containers"]],
  wait: [
    ['shoal wait migrate', 'wait until it exits, with its exit code'],
    ['shoal wait --down-project tests', 'then remove the project'],
  ],
  watch: [
    ['shoal watch', 'build and start, then watch the paths of develop.watch'],
    ['shoal watch --no-up web', 'only watch, and only web'],
  ],
};

/** Formats the examples that commander prints after the options; empty if there are none. */
export function examplesText(path: string): string {
  const lines = examples[path] ?? [];
  if (lines.length === 0) return '';
  const width = Math.max(...lines.map(([line]) => line.length));
  // Long lines go below their description, so that the description stays visible.
  const shown = lines.map(([line, does]) =>
    width > 60 ? `  # ${does}\n  ${line}` : `  ${line.padEnd(width)}   ${does}`,
  );
  return `\nExample${lines.length === 1 ? '' : 's'}:\n${shown.join('\n')}`;
}
