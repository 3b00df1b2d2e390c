/*
 * Read-only probes of a machine, as POSIX shell scripts on standard input. Each result is a section
 * that starts with a line `@@name`; facts.ts parses them.
 */

/** Runs as the login user. */
export const loginProbe = `
section() { printf '\\n@@%s\\n' "$1"; }
section uid; id -u
section sudo
if [ "$(id -u)" = 0 ]; then echo root
elif ! command -v sudo >/dev/null 2>&1; then echo missing
elif out=$(sudo -k -n true 2>&1); then echo passwordless
else printf '%s\\n' "refused $out"; fi
section os-release; cat /etc/os-release 2>/dev/null || cat /usr/lib/os-release 2>/dev/null
section arch; uname -m
section libc; getconf GNU_LIBC_VERSION 2>/dev/null || ldd --version 2>&1 | head -n 1
section time; date +%s
section systemd; if [ -d /run/systemd/system ]; then echo yes; fi
exit 0
`;

/**
 * Runs as root. Arguments: number of paths to checksum, these paths, public certificates to print.
 */
export const rootProbe = `
section() { printf '\\n@@%s\\n' "$1"; }
section commands
PATH=/opt/shoal/consul/current:$PATH
for c in dockerd nft ip bridge tar gzip sha256sum consul; do
  if command -v "$c" >/dev/null 2>&1; then echo "$c"; fi
done
section engine-version; if command -v dockerd >/dev/null 2>&1; then dockerd --version 2>/dev/null; fi
section consul-version; if command -v consul >/dev/null 2>&1; then consul version 2>/dev/null; fi
section engine-unit; systemctl cat docker.service 2>/dev/null
section daemon-json; cat /etc/docker/daemon.json 2>/dev/null
section engine-swarm; if [ -s /var/lib/docker/swarm/docker-state.json ]; then echo yes; fi
section containers
ps -eo comm= 2>/dev/null | grep -c '^containerd-shim' || true
section active
for u in docker shoal-consul shoal-manager shoal-worker; do
  if systemctl is-active --quiet "$u.service"; then echo "$u"; fi
done
# The engine reads its certificates at its start, which writes the pid file.
section engine-stale
if [ -e /run/docker.pid ] && [ -d /etc/shoal/engine ]; then
  find /etc/shoal/engine -name '*.pem' -cnewer /run/docker.pid 2>/dev/null
fi
section disk; df -Pk /opt /var/lib 2>/dev/null
section runtimes; ls -1 /opt/shoal/runtime 2>/dev/null
section apps; ls -1 /opt/shoal/app 2>/dev/null
section consuls; ls -1 /opt/shoal/consul 2>/dev/null
section links
for l in runtime app; do printf '%s %s\\n' "$l" "$(readlink /opt/shoal/current/$l 2>/dev/null)"; done
section users; getent passwd shoal-manager 2>/dev/null | cut -d : -f 1
section machine; cat /etc/shoal/machine.json 2>/dev/null
n=$1; shift
section sums
while [ "$n" -gt 0 ]; do
  if [ -f "$1" ]; then sha256sum "$1"; fi
  n=$((n - 1)); shift
done
section keys
ls -1 /etc/shoal/pki/*-key.pem /etc/shoal/engine/*-key.pem /etc/shoal/consul/*-key.pem 2>/dev/null
for c in "$@"; do section "certificate $c"; cat "$c" 2>/dev/null; done
exit 0
`;
