/*
 * Constant POSIX shell scripts, run as root on a machine; variable input is passed as "$1", "$2" …
 */

/**
 * Installs a program atomically: unpacks next to the target, verifies the checksum, then renames.
 * $1: sha256. stdin: gzip.
 */
function unpackProgram(program: {
  readonly root: string;
  /** Path of the program below the target. */
  readonly path: string;
  readonly version: string;
}): string {
  const { root, path, version } = program;
  return `
set -e
place=${root}/$1
new=$place.$$
trap 'rm -rf "$new"' EXIT
umask 022
mkdir -p "$(dirname "$new/${path}")"
gzip -dc >"$new/${path}"
printf '%s  %s\\n' "$1" "$new/${path}" | sha256sum -c - >/dev/null
chmod 755 "$new/${path}"
"$new/${path}" ${version}
rm -rf "$place"
mv -T "$new" "$place"
`;
}

export const unpackRuntime = unpackProgram({
  root: '/opt/shoal/runtime',
  path: 'bin/node',
  version: '--version',
});

/** Installs Consul like the runtime, then activates it and removes the previous one. */
export const unpackConsul = `${unpackProgram({
  root: '/opt/shoal/consul',
  path: 'consul',
  version: 'version',
})}
was=$(readlink /opt/shoal/consul/current || true)
ln -sfn "$1" /opt/shoal/consul/current
if [ -n "$was" ] && [ "$was" != "$1" ]; then rm -rf "/opt/shoal/consul/$was"; fi
`;

/** Installs the application atomically. $1: sha256 of the tar. stdin: tar.gz. */
export const unpackApp = `
set -e
place=/opt/shoal/app/$1
new=$place.$$
trap 'rm -rf "$new" "$new.tar"' EXIT
umask 022
mkdir -p "$new"
gzip -dc >"$new.tar"
printf '%s  %s\\n' "$1" "$new.tar" | sha256sum -c - >/dev/null
tar -xf "$new.tar" -C "$new" --no-same-owner
rm -rf "$place"
mv -T "$new" "$place"
`;

/**
 * Points the links at a runtime ($1) and an application ($2), and removes all versions but these
 * and the previous ones: running programs load modules from the previous version until they are
 * restarted.
 */
export const activateVersion = `
set -e
umask 022
mkdir -p /opt/shoal/current /usr/local/bin
for pair in "runtime $1" "app $2"; do
  set -- $pair
  was=$(readlink "/opt/shoal/current/$1" || true)
  ln -sfn "../$1/$2" "/opt/shoal/current/$1.new"
  mv -fT "/opt/shoal/current/$1.new" "/opt/shoal/current/$1"
  for old in /opt/shoal/"$1"/*; do
    name=\${old##*/}
    if [ "$name" != "$2" ] && [ "$name" != "\${was##*/}" ]; then rm -rf "$old"; fi
  done
done
`;

/** Unpacks a tar over /. stdin: tar. */
export const writeFiles = `
set -e
umask 077
mkdir -p /etc/shoal/pki /etc/shoal/engine /var/lib/shoal
tar -xpf - -C / --no-overwrite-dir
`;

/** Arguments: packages. Refreshes the package lists only if the first attempt fails. */
export const installApt = `
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
options='-y --no-install-recommends -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold'
cli() { if apt-cache show docker-cli >/dev/null 2>&1; then echo docker-cli; fi; }
extra() { case " $* " in *" docker.io "*) cli ;; esac; }
if ! apt-get install $options "$@" $(extra "$@") 2>/tmp/shoal-apt.$$; then
  apt-get update >&2 && apt-get install $options "$@" $(extra "$@") || {
    cat /tmp/shoal-apt.$$ >&2; rm -f /tmp/shoal-apt.$$; exit 1
  }
fi
rm -f /tmp/shoal-apt.$$
`;

export const installDnf = `
set -e
dnf -y install "$@"
case " $* " in *moby-engine*) systemctl enable --now docker.service ;; esac
`;

/** Adds Docker's own repository, because the Enterprise Linux family ships no engine. */
export const installDnfDocker = `
set -e
family=centos
if [ "$(. /etc/os-release; echo "$ID")" = rhel ]; then family=rhel; fi
case " $* " in *docker-ce*)
  dnf -y install dnf-plugins-core
  dnf config-manager --add-repo "https://download.docker.com/linux/$family/docker-ce.repo" ;;
esac
dnf -y install "$@"
case " $* " in *docker-ce*) systemctl enable --now docker.service ;; esac
`;

export const installZypper = `
set -e
zypper --non-interactive install --no-recommends "$@"
case " $* " in *docker*) systemctl enable --now docker.service ;; esac
`;

export const installPacman = `
set -e
pacman -Sy --noconfirm --needed "$@"
case " $* " in *docker*) systemctl enable --now docker.service ;; esac
`;

/** $1: "yes" to enable live-restore by a reload before the restart. */
export const restartEngine = `
set -e
systemctl daemon-reload
systemctl enable --quiet docker.service
if [ "$1" = yes ]; then systemctl reload docker.service; sleep 1; fi
systemctl reset-failed docker.service 2>/dev/null || true
if ! systemctl restart docker.service; then
  journalctl --unit docker.service --lines 15 --output cat --no-pager >&2
  exit 1
fi
`;

/**
 * Replaces the CA that the engine trusts for clients of its port, and restarts the engine, which
 * reads it at its start. Nothing to do on a machine without that file. stdin: PEM.
 */
export const installEngineAnchor = `
set -e
ca=/etc/shoal/engine/ca.pem
if [ ! -e $ca ]; then exit 0; fi
umask 022
cat >$ca.new
mv -f $ca.new $ca
systemctl reset-failed docker.service 2>/dev/null || true
if ! systemctl restart docker.service; then
  journalctl --unit docker.service --lines 15 --output cat --no-pager >&2
  exit 1
fi
`;

/** JavaScript: prints the engine's answer to `/version`, asked on its socket. */
export const printEngineVersion = `
require('http')
  .get({ socketPath: '/var/run/docker.sock', path: '/version', timeout: 5000 }, (answer) => {
    answer.pipe(process.stdout);
  })
  .on('timeout', function () { this.destroy(new Error('no answer')); })
  .on('error', (error) => { console.error(error.message); process.exitCode = 1; });
`;

/** $1 unit. */
export const restartUnit = `
set -e
systemctl daemon-reload
systemctl enable --quiet "$1"
systemctl restart "$1"
`;

/** $1 unit. */
export const stopUnit = `
systemctl disable --quiet --now "$1"
`;

/** $1: name of a system user and its group. */
export const createUser = `
set -e
if ! getent group "$1" >/dev/null; then groupadd --system "$1"; fi
if ! getent passwd "$1" >/dev/null; then
  shell=$(command -v nologin || echo /bin/false)
  useradd --system --gid "$1" --no-create-home --home-dir /nonexistent --shell "$shell" "$1"
fi
`;

/** $1 unit, $2 lines. */
export const journalTail = `
journalctl --unit "$1" --lines "$2" --output cat --no-pager
`;

/**
 * $1: "reload" or "restart". Applies new certificates and CAs to the machine's Consul, then waits
 * until it reaches the leader with them.
 */
export const applyConsulTrust = `
set -e
systemctl daemon-reload
systemctl try-restart shoal-consul-reload.path
systemctl "$1" shoal-consul.service
if [ -e /etc/shoal/consul/token ]; then
  export CONSUL_HTTP_TOKEN_FILE=/etc/shoal/consul/token
fi
export PATH=/opt/shoal/consul/current:$PATH
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
  sleep 1
  output=$(timeout 5 consul operator raft list-peers 2>&1) && exit 0
done
printf '%s\\n' "$output" >&2
exit 1
`;

/**
 * Allows anonymous clients to read nodes and services in the managed Consul, whose default policy
 * is deny: DNS queries carry no token. Several machines may run this concurrently.
 */
export const allowAnonymousConsulReads = `
token=/etc/shoal/consul/token
if [ ! -e "$token" ]; then exit 0; fi
export CONSUL_HTTP_TOKEN_FILE=$token PATH=/opt/shoal/consul/current:$PATH
rules='node_prefix "" { policy = "read" } service_prefix "" { policy = "read" }'
anonymous=00000000-0000-0000-0000-000000000002
for try in 1 2 3 4 5 6 7 8 9 10; do
  consul acl policy read -name shoal-names >/dev/null 2>&1 ||
    consul acl policy create -name shoal-names -rules "$rules" >/dev/null 2>&1 || true
  output=$(consul acl token update -id $anonymous -policy-name shoal-names 2>&1) && exit 0
  sleep 1
done
printf '%s\\n' "$output" >&2
exit 1
`;

/**
 * $1: "last" for the cluster's last manager. Stops the worker first so that it cannot reconcile,
 * then purges its containers, networks and devices; a worker that never ran has nothing to purge.
 * The last manager deletes the cluster's keys from an external Consul; if that is unreachable, they
 * stay there.
 */
export const purgeWorker = `
systemctl disable --quiet --now shoal-worker.service shoal-manager.service \\
  shoal-isolate.service 2>/dev/null || true
if systemctl is-active --quiet shoal-consul.service; then
  if [ -e /etc/shoal/consul/token ]; then
    export CONSUL_HTTP_TOKEN_FILE=/etc/shoal/consul/token
  fi
  PATH=/opt/shoal/consul/current:$PATH timeout 10 consul leave >/dev/null 2>&1 || true
fi
main=/opt/shoal/current/app/dist/program/main.js
[ -e "$main" ] || main=/opt/shoal/current/app/dist/cli/main.js # of a version before the program was joined
if [ "$1" = last ] && [ -e /etc/shoal/manager.json ] && [ ! -e /etc/shoal/consul/agent.json ]; then
  timeout 30 /opt/shoal/current/runtime/bin/node "$main" \\
    manager --config /etc/shoal/manager.json --retire || true
fi
systemctl disable --quiet --now shoal-consul.service shoal-consul-reload.path 2>/dev/null || true
if [ ! -e /var/lib/shoal/worker ]; then exit 0; fi
if [ ! -x /opt/shoal/current/runtime/bin/node ] || [ ! -e /etc/shoal/worker.json ]; then exit 0; fi
exec /opt/shoal/current/runtime/bin/node "$main" \\
  worker --purge --config /etc/shoal/worker.json
`;

/**
 * $1: "keep", "remove" or "write" for daemon.json. stdin: its new content. Restarts the engine
 * while live-restore is still enabled, so that containers of other owners keep running, and
 * disables it after.
 */
export const uninstall = `
set -e
dropin=/etc/systemd/system/docker.service.d/10-shoal.conf
restart=no
if [ -e "$dropin" ]; then
  rm -f "$dropin"
  rmdir /etc/systemd/system/docker.service.d 2>/dev/null || true
  restart=yes
fi
rm -f /etc/systemd/system/shoal-worker.service /etc/systemd/system/shoal-manager.service \\
  /etc/systemd/system/shoal-isolate.service /etc/systemd/system/shoal-consul.service \\
  /etc/systemd/system/shoal-consul-reload.path /etc/systemd/system/shoal-consul-reload.service
systemctl daemon-reload
systemctl reset-failed shoal-worker.service shoal-manager.service shoal-isolate.service \\
  shoal-consul.service \\
  2>/dev/null || true
if [ "$restart" = yes ] && systemctl is-active --quiet docker.service; then
  systemctl restart docker.service
fi
case $1 in
  remove) rm -f /etc/docker/daemon.json ;;
  write) cat >/etc/docker/daemon.json.new && mv -f /etc/docker/daemon.json.new /etc/docker/daemon.json ;;
esac
if [ "$1" != keep ] && systemctl is-active --quiet docker.service; then
  systemctl reload docker.service
fi
rm -rf /opt/shoal /etc/shoal /var/lib/shoal /run/shoal /run/shoal-manager /usr/local/bin/shoal
if getent passwd shoal-manager >/dev/null; then userdel shoal-manager || true; fi
if getent group shoal-manager >/dev/null; then groupdel shoal-manager || true; fi
if getent group shoal >/dev/null; then groupdel shoal || true; fi
`;
