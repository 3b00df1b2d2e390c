/**
 * Lines that `--help` of a command ends with, by the command's words: what people type, and what it does.
 * A command that says its own below its options needs none here.
 */
export const examples: Readonly<
  Record<string, readonly (readonly [line: string, does: string])[]>
> = {
  attach: [
    ['shoal attach web', "web's terminal; ctrl-p ctrl-q leaves it running"],
    ['shoal attach --no-stdin --index 2 web', 'only look at its second container'],
  ],
  audit: [
    ['shoal audit --since 1h', 'who changed what in the last hour'],
    ['shoal audit -n 20 --format json', 'for a script'],
  ],
  build: [
    ['shoal build', 'every service that has a build section'],
    ['shoal build --no-cache --push web', 'anew, then to its registry'],
  ],
  ca: [['shoal ca status', 'the authority, and who has a certificate of it']],
  'ca rotate': [['shoal ca rotate', 'a new authority for the cluster, while everything goes on']],
  'ca rotate-key': [['shoal ca rotate-key', 'after a backup of cluster.key went astray']],
  'ca revoke': [['shoal ca revoke old/cert.pem', 'of a computer that was lost']],
  'ca set': [['shoal ca set --certificate-lifetime 30d', 'certificates of nodes last a month']],
  'ca status': [['shoal ca status', 'the authority, and who has a certificate of it']],
  cluster: [['shoal cluster ls', 'which there are; the current one has a star']],
  'cluster ls': [["shoal cluster ls --format '{{.Name}} {{.Managers}}'", 'for a script']],
  'cluster use': [['shoal cluster use alpha', 'commands act on alpha from now on']],
  commit: [
    ['shoal commit web shop/web:debug', 'an image of its container as it is, on its node'],
    ["shoal commit -c 'CMD [\"sh\"]' -m 'with tools' web shop/tools", 'with another command'],
  ],
  completion: [
    ['source <(shoal completion bash)', 'for this shell; put it into ~/.bashrc for all'],
    ['shoal completion zsh > ~/.zfunc/_shoal', 'in a folder of the fpath of zsh'],
    ['shoal completion fish | source', 'for this shell'],
  ],
  config: [
    ['shoal config', 'the files as they are understood'],
    ['shoal config --services', 'only the names'],
    ['shoal -f a.yml -f b.yml config --format json', 'two files, merged, for a script'],
  ],
  create: [['shoal create --scale web=3 web', 'containers that "shoal start" runs']],
  'config-object': [['shoal config-object ls', 'which there are; "config" shows Compose files']],
  'config-object create': [['shoal config-object create nginx.conf ./nginx.conf', 'from a file']],
  'config-object ls': [["shoal config-object ls --format '{{.Name}}'", 'for a script']],
  'config-object inspect': [['shoal config-object inspect nginx.conf', 'with its contents']],
  'config-object rm': [['shoal config-object rm nginx.conf', 'when no service uses it']],
  cp: [
    ['shoal cp web:/etc/hostname .', 'out of the container'],
    ['shoal cp page.html web:/srv/ --all', 'into every container of web'],
  ],
  down: [
    ['shoal down', 'containers and networks of the project'],
    ['shoal down -v', 'its named volumes and their data as well'],
  ],
  env: [
    ['eval "$(shoal env)"', 'docker ps, logs, stats … are about the whole cluster from now on'],
    ['eval "$(shoal env -u)"', "and about this computer's engine again"],
  ],
  exec: [
    ['shoal exec web sh', 'a shell, on whichever node it is'],
    ['shoal exec -T --index 2 db pg_dump app > app.sql', 'without a terminal'],
  ],
  explain: [
    ['shoal explain', 'every service of the project'],
    ['shoal explain web', 'why its tasks are where they are'],
  ],
  export: [['shoal export -o web.tar web', "the container's file system"]],
  images: [["shoal images --format '{{.Repository}}:{{.Tag}} {{.Node}}'", 'for a script']],
  join: [['shoal join --token TOKEN 10.0.0.1', 'as root, on the machine itself']],
  kill: [['shoal kill -s SIGHUP web', 'reload its configuration']],
  local: [['shoal local status', "whether this computer's own cluster runs"]],
  'local start': [['shoal local start', 'as "shoal up" does when no cluster is configured']],
  'local stop': [['shoal local stop', 'its containers go on']],
  'local status': [['shoal local status', 'process ids and the address of the manager']],
  'local rm': [['shoal local rm', 'containers, networks and records are gone']],
  logs: [
    ['shoal logs -f web', 'all its containers, from now on too'],
    ['shoal logs --since 10m --tail 100', 'of every service'],
  ],
  ls: [
    ['shoal ls', 'projects that run'],
    ['shoal ls -a --filter name=shop', 'stopped ones too'],
  ],
  machine: [
    ['shoal machine ls', 'which there are, and whether they run'],
    ['shoal machine ssh node-1 uptime', 'a command on one'],
  ],
  'machine create': [
    [
      'shoal machine create --swarm --swarm-master --generic-ip-address 192.0.2.11 alpha',
      'a cluster of one machine',
    ],
    ['shoal machine create --swarm --generic-ip-address 192.0.2.12 beta', 'one more machine'],
    [
      'shoal machine create --swarm-master --restore shop.backup --generic-ip-address 192.0.2.14 delta',
      'in place of a manager that is lost',
    ],
  ],
  'machine ls': [
    ['shoal machine ls --filter state=running -q', 'names of those that run'],
    ["shoal machine ls --format '{{.Name}} {{.URL}}'", 'for a script'],
  ],
  'machine inspect': [
    ["shoal machine inspect -f '{{.Driver.IPAddress}}' alpha", 'one value of its record'],
  ],
  'machine ip': [['shoal machine ip alpha beta', 'one address a line']],
  'machine url': [['shoal machine url alpha', 'where its engine listens']],
  'machine status': [['shoal machine status alpha', 'Running, Stopped or Timeout']],
  'machine active': [['shoal machine active', 'the machine that DOCKER_HOST names']],
  'machine env': [
    ['eval "$(shoal machine env alpha)"', "docker talks to alpha's engine"],
    ['eval "$(shoal machine env -u)"', 'and to its own again'],
  ],
  'machine config': [['docker $(shoal machine config alpha) ps', 'one command against it']],
  'machine ssh': [['shoal machine ssh alpha journalctl -u docker', 'a command, or a shell']],
  'machine scp': [['shoal machine scp -r alpha:/var/log ./logs', 'a folder of it']],
  'machine provision': [['shoal machine provision alpha', 'after an upgrade of this program']],
  'machine regenerate-certs': [['shoal machine regenerate-certs -f alpha', 'new ones, now']],
  'machine rm': [['shoal machine rm beta', 'its tasks move; its engine stays']],
  manager: [['shoal manager ls', 'which there are, and which one leads']],
  'manager ls': [["shoal manager ls --format '{{json .}}'", 'for a script']],
  'manager promote': [['shoal manager promote beta gamma', 'three managers outlive one']],
  'manager demote': [['shoal manager demote gamma', 'its containers stay']],
  'manager rm': [['shoal manager rm gamma', 'one whose machine will not come back']],
  network: [['shoal network ls', 'which there are, with their subnets']],
  'network create': [
    ['shoal network create --subnet 10.9.0.0/24 shared', 'for projects that name it external'],
  ],
  'network ls': [['shoal network ls --filter project=shop -q', 'ids of one project']],
  'network inspect': [
    ["shoal network inspect -f '{{json .Containers}}' shared", 'who is on it, and where'],
  ],
  'network rm': [['shoal network rm shared', 'when nothing uses it']],
  node: [['shoal node ls', 'which there are, and whether they take tasks']],
  'node ls': [["shoal node ls --filter role=worker --format '{{.Hostname}}'", 'for a script']],
  'node inspect': [["shoal node inspect -f '{{json .Spec.Labels}}' node-1", 'its labels']],
  'node update': [
    ['shoal node update --availability drain node-2', 'its tasks move elsewhere'],
    ['shoal node update --label-add disk=ssd node-2', 'for placement constraints'],
  ],
  'node rm': [['shoal node rm node-3', 'one that is down and will not come back']],
  pause: [['shoal pause web', 'freezes its processes; "shoal unpause" goes on']],
  port: [['shoal port --index 2 web 80', "its second container's machine and port"]],
  pull: [['shoal pull --policy missing', 'on every node that may run them']],
  push: [['shoal push web', 'from a node that has the image']],
  restart: [['shoal restart -t 3 web', 'three seconds to stop']],
  rm: [['shoal rm -fs web', 'stop, then remove, without asking']],
  roll: [['shoal roll web', 'new containers, a few at a time, as update_config says']],
  rollback: [
    ['shoal rollback web', 'the spec before; a second time goes forth again'],
    ['shoal rollback', 'every service of the project that has one'],
  ],
  run: [
    ['shoal run --rm web sh', 'a container of its own, removed when it ends'],
    ['shoal run --rm -T db psql -c "select 1"', 'for a script; ends with its exit code'],
  ],
  scale: [['shoal scale web=5 worker=2', 'waits until they run']],
  secret: [['shoal secret ls', 'which there are; their contents are never shown']],
  'secret create': [
    ['openssl rand -hex 16 | shoal secret create db_password -', 'no file, no shell history'],
  ],
  'secret ls': [
    ["shoal secret ls --format '{{.Name}}'", 'for a script'],
    ['shoal secret ls --filter label=team=a', 'some of them; also id=, name=, project='],
  ],
  'secret inspect': [['shoal secret inspect db_password', 'its labels and times']],
  'secret rm': [['shoal secret rm db_password', 'when no service uses it']],
  start: [['shoal start --wait web', 'until it is healthy']],
  stop: [['shoal stop -t 30 web', 'its containers stay']],
  store: [['shoal store backup', 'a backup of the cluster, while it runs']],
  'store backup': [
    ['shoal store backup', 'to a file named after the cluster and the time'],
    ['shoal store backup - | gzip > shop.backup.gz', 'through a pipe'],
  ],
  'store export': [
    [
      'shoal store export --config /etc/shoal/manager.json /root/shop.backup',
      'of a manager that does not run',
    ],
  ],
  'store verify': [['shoal store verify shop.backup', 'whether it is whole, and of what']],
  'store import': [['shoal store import --replace shop.backup', 'containers go on meanwhile']],
  'store migrate': [
    ['shoal store migrate consul://10.0.0.5:8500', 'to be shared by several managers'],
    ['shoal store migrate embedded', 'and back'],
  ],
  token: [['shoal token create --uses 1', 'for one machine, within a day']],
  'token create': [
    ['shoal token create --uses 1', 'for one machine, within a day'],
    ['shoal token create -q --ttl 1h --label rack7 > token', 'for a script'],
  ],
  'token ls': [['shoal token ls', 'which there are, without their secrets']],
  'token rm': [['shoal token rm $(shoal token ls -q)', 'all of them; who has joined stays']],
  'token rotate': [['shoal token rotate abc123', 'after it went astray']],
  top: [['shoal top web', 'processes of each of its containers']],
  unpause: [['shoal unpause web', 'on from where it was']],
  up: [
    ['shoal up -d', 'the whole project, spread over the nodes'],
    ['shoal up -d --wait --scale web=3', 'until all are healthy'],
    ['shoal up --dry-run', 'only say what would change'],
  ],
  version: [["shoal version --format '{{.Client.Version}}'", 'for a script']],
  volume: [['shoal volume ls', 'which there are, and on which nodes']],
  'volume create': [['shoal volume create data', 'placed where its first task runs']],
  'volume ls': [['shoal volume ls --filter dangling=true -q', 'those that nothing uses']],
  'volume inspect': [["shoal volume inspect -f '{{.Nodes}}' data", 'where its data is']],
  'volume rm': [['shoal volume rm data', 'and its data, on every node']],
  volumes: [['shoal volumes web', "those that web's containers mount"]],
  wait: [['shoal wait migrate', 'until it ends, with its exit code']],
  watch: [
    ['shoal watch', 'build and start, then follow the files of develop.watch'],
    ['shoal watch --no-up web', 'only follow, only for web'],
  ],
};

/** The block that commander prints after the options; empty when there are none. */
export function examplesText(path: string): string {
  const lines = examples[path] ?? [];
  if (lines.length === 0) return '';
  const width = Math.max(...lines.map(([line]) => line.length));
  // Long ones on a line of their own, so that what they do is not pushed out of sight.
  const shown = lines.map(([line, does]) =>
    width > 60 ? `  # ${does}\n  ${line}` : `  ${line.padEnd(width)}   ${does}`,
  );
  return `\nExample${lines.length === 1 ? '' : 's'}:\n${shown.join('\n')}`;
}
