/**
 * Shell script that prints facts about a machine and its paths to peers, one `key value…` per line.
 * Arguments: `ADDRESS` of each peer, `--`, `ADDRESS:PORT` of each manager, `--`,
 * `CONTAINER=ADDRESS` of each pair: a container on this machine and the overlay address of a
 * container on another one. The script is read-only and uses tools of every distribution; it omits
 * keys whose tool is missing or that need root.
 */
export const doctorProbe = `
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
echo "clock $(date +%s.%N)"
sudo=; [ "$(id -u)" = 0 ] || sudo="sudo -n"
# A frozen engine accepts connections and never answers.
version() { timeout "$1" $2 docker version --format '{{.Server.Version}}' 2>/dev/null; }
engine=$(version 3 "" || version 10 "$sudo")
echo "engine $engine"
dir=/var/lib/docker; [ -d "$dir" ] || dir=/
df -Pk "$dir" 2>/dev/null | awk 'NR==2 {print "disk", $2*1024, $4*1024}'
df -Pi "$dir" 2>/dev/null | awk 'NR==2 {sub("%","",$5); print "inodes", $5}'
awk '/^Udp:/ {for(i=1;i<=NF;i++) if(h[i]=="InCsumErrors") print "checksum udp", $i; for(i=1;i<=NF;i++) h[i]=$i}' /proc/net/snmp
awk '/^Tcp:/ {for(i=1;i<=NF;i++) if(h[i]=="InCsumErrors") print "checksum tcp", $i; for(i=1;i<=NF;i++) h[i]=$i}' /proc/net/snmp
# Each path is observed a second time, with more patience, before it is reported as broken: the
# arguments of round_trip and full_size may start with a command that enters a namespace.
ping_once() { "$@" 2>/dev/null | sed -n 's/.* = [0-9.]*\\/\\([0-9.]*\\).*/\\1/p'; }
round_trip() {
  to=$1; shift
  time=$(ping_once "$@" ping -n -c 3 -i 0.3 -W 2 "$to")
  [ -n "$time" ] || time=$(ping_once "$@" ping -n -c 5 -i 1 -W 5 "$to")
  echo "$time"
}
full_size() {
  size=$1 to=$2; shift 2
  "$@" ping -n -c 2 -W 2 -M do -s "$size" "$to" >/dev/null 2>&1 ||
    "$@" ping -n -c 5 -i 1 -W 5 -M do -s "$size" "$to" >/dev/null 2>&1
}
connects() { timeout "$1" bash -c '</dev/tcp/$0/$1' "$2" "$3" 2>/dev/null; }
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  device=$(ip -o route get "$1" 2>/dev/null | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')
  mtu=$(cat "/sys/class/net/$device/mtu" 2>/dev/null || echo 1500)
  [ "$mtu" -gt 9000 ] && mtu=9000
  if ! command -v ping >/dev/null 2>&1; then echo "noping $1"
  elif time=$(round_trip "$1") && [ -n "$time" ]; then
    echo "reach $1 $time"
    if full_size $((mtu - 28)) "$1"; then echo "mtu $1 $device $mtu ok"
    else echo "mtu $1 $device $mtu lost"; fi
  else echo "unreached $1"; fi
  shift
done
[ $# -gt 0 ] && shift
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  target=$1; host=\${target%:*}; port=\${target##*:}; shift
  if command -v bash >/dev/null 2>&1; then
    if connects 3 "$host" "$port" || { sleep 1; connects 10 "$host" "$port"; }; then echo "port $target open"
    else echo "port $target closed"; fi
  fi
done
[ $# -gt 0 ] && shift
for unit in shoal-worker shoal-manager; do
  systemctl cat "$unit" >/dev/null 2>&1 || continue
  # A unit that restarts is active within seconds.
  for pause in 1 2 3 4 5; do systemctl -q is-active "$unit" && break; sleep "$pause"; done
  echo "unit $unit $(systemctl is-active "$unit")"
done
echo "node $(/opt/shoal/current/runtime/bin/node --version 2>/dev/null)"
$sudo /opt/shoal/current/runtime/bin/node -e '
const { readFileSync } = require("fs"), { X509Certificate } = require("crypto");
for (const name of ["pki/worker", "pki/manager", "pki/intermediate", "engine/server"]) try {
  const cert = new X509Certificate(readFileSync("/etc/shoal/" + name + ".pem"));
  console.log("certificate", name, Date.parse(cert.validFrom), Date.parse(cert.validTo));
} catch { /* the role of the machine has no such certificate */ }
try {
  const anchor = new X509Certificate(readFileSync("/etc/shoal/engine/ca.pem"));
  console.log("anchor", anchor.fingerprint256.replaceAll(":", "").toLowerCase());
} catch { /* an engine without a port has none */ }' 2>/dev/null </dev/null
[ -n "$engine" ] && command -v nsenter >/dev/null 2>&1 && command -v ping >/dev/null 2>&1 || exit 0
for pair in "$@"; do
  to=\${pair#*=}
  pid=$(timeout 10 $sudo docker inspect -f '{{.State.Pid}}' "\${pair%%=*}" 2>/dev/null)
  [ -n "$pid" ] && [ "$pid" != 0 ] || continue
  within="$sudo nsenter -t $pid -n"
  device=$($within ip -o route get "$to" 2>/dev/null | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')
  [ -n "$device" ] || continue
  mtu=$($within ip -o link show dev "$device" | sed -n 's/.* mtu \\([0-9]*\\) .*/\\1/p')
  time=$(round_trip "$to" $within)
  if [ -z "$time" ]; then echo "overlay $to $mtu lost"
  elif full_size $((mtu - 28)) "$to" $within; then echo "overlay $to $mtu $time"
  else echo "overlay $to $mtu cut"; fi
  # The kernel computes ICMP checksums, the NIC those of TCP. A closed port answers with a reset.
  [ -n "$time" ] && command -v bash >/dev/null 2>&1 || continue
  for patience in 4 15; do
    $within timeout "$patience" bash -c '</dev/tcp/$0/9' "$to" 2>/dev/null
    lost=$?; [ "$lost" = 124 ] || break
  done
  [ "$lost" = 124 ] && echo "overlay-tcp $to lost"
done
`;

/**
 * Longest run of the probe, ms. It observes a bad path, a closed port and a stopped unit a second time,
 * with more patience, so its limit grows with the number of arguments; it takes about three seconds
 * for a peer that answers.
 */
export function probeLimitMs(of: {
  readonly peers: number;
  readonly managers: number;
  readonly pairs: number;
}): number {
  // 13 s for the engine's version, 30 s for units, the rest for slow commands.
  const machineMs = 90_000;
  // Pings: 3 and 9 s for a small packet, 3 and 9 s for a full one.
  const pathMs = 25_000;
  const portMs = 15_000;
  // The container's process, and connections of 4 and 15 s.
  const containerMs = 30_000;
  return machineMs + of.peers * pathMs + of.managers * portMs + of.pairs * (pathMs + containerMs);
}

/** Output of the probe on one machine, parsed. */
export interface DoctorFacts {
  /** Clock offset in ms: positive if the machine is ahead of this computer. */
  readonly skewMs: number | undefined;
  /** Half of the time that reading the clock took: the offset is exact to this, ms. */
  readonly skewToleranceMs?: number;
  readonly engine: string;
  /** Version of the installed Node runtime; undefined if there is none. */
  readonly node?: string | undefined;
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number } | undefined;
  readonly inodesPercent: number | undefined;
  readonly checksumErrors: number;
  readonly peers: readonly PeerFacts[];
  readonly ports: readonly { readonly target: string; readonly open: boolean }[];
  readonly units: readonly { readonly name: string; readonly state: string }[];
  readonly certificates: readonly ProbedCertificate[];
  /** Id of the CA that the engine trusts for clients of its port; undefined without one. */
  readonly engineAnchor?: string | undefined;
  /** Paths from containers on this machine to containers on others. */
  readonly overlays: readonly OverlayFacts[];
}

export interface ProbedCertificate {
  /** `pki/worker`, `pki/manager`, `pki/intermediate`, `engine/server`. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface OverlayFacts {
  /** Overlay address of the remote container. */
  readonly address: string;
  readonly mtu: number;
  /** Mean round trip, ms; undefined if no reply arrived. */
  readonly roundTripMs: number | undefined;
  /** Full-size packets were lost, small ones arrived. */
  readonly cut: boolean;
  /** ICMP echoes arrived, TCP packets were lost. */
  readonly tcpLost: boolean;
}

export interface PeerFacts {
  readonly address: string;
  /** Mean round trip, ms; undefined if the peer did not answer. */
  readonly roundTripMs: number | undefined;
  /** Result for full-size packets with the don't-fragment flag. */
  readonly full:
    { readonly device: string; readonly mtu: number; readonly arrive: boolean } | undefined;
  /** True if the machine has no ping command. */
  readonly unknown: boolean;
}

/**
 * Parses the probe's output. `askedAt` and `answeredAt` are local times in ms around the reading of
 * the machine's clock; the skew is taken against their midpoint.
 */
export function parseDoctorFacts(text: string, askedAt: number, answeredAt: number): DoctorFacts {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/u));
  const of = (key: string): readonly (readonly string[])[] =>
    lines.filter(([name]) => name === key).map(([, ...values]) => values);
  const clock = Number(of('clock')[0]?.[0] ?? Number.NaN) * 1000;
  const disk = of('disk')[0];
  const inodes = Number(of('inodes')[0]?.[0] ?? Number.NaN);
  const skewMs = clock - (askedAt + answeredAt) / 2;
  return {
    skewMs: Number.isFinite(skewMs) ? skewMs : undefined,
    skewToleranceMs: Math.abs(answeredAt - askedAt) / 2,
    engine: of('engine')[0]?.[0] ?? '',
    node: of('node')[0]?.[0],
    disk:
      disk === undefined ? undefined : { totalBytes: Number(disk[0]), freeBytes: Number(disk[1]) },
    inodesPercent: Number.isFinite(inodes) ? inodes : undefined,
    checksumErrors: of('checksum').reduce((sum, [, count]) => sum + Number(count ?? 0), 0),
    peers: [
      ...of('unreached').map(([address = '']) => peer(address)),
      ...of('noping').map(([address = '']) => ({ ...peer(address), unknown: true })),
      ...of('reach').map(([address = '', time]) => ({
        ...peer(address),
        roundTripMs: Number(time),
        full: fullSize(of('mtu').find(([target]) => target === address)),
      })),
    ],
    ports: of('port').map(([target = '', state]) => ({ target, open: state === 'open' })),
    certificates: of('certificate').map(([name = '', from, to]) => ({
      name,
      fromMs: Number(from),
      toMs: Number(to),
    })),
    engineAnchor: of('anchor')[0]?.[0],
    units: of('unit').map(([name = '', state = '']) => ({ name, state })),
    overlays: of('overlay').map(([address = '', mtu, verdict = '']) => ({
      address,
      mtu: Number(mtu),
      roundTripMs: /^[\d.]+$/u.test(verdict) ? Number(verdict) : undefined,
      cut: verdict === 'cut',
      tcpLost: of('overlay-tcp').some(
        ([target, result]) => target === address && result === 'lost',
      ),
    })),
  };
}

function peer(address: string): PeerFacts {
  return { address, roundTripMs: undefined, full: undefined, unknown: false };
}

function fullSize(values: readonly string[] | undefined): PeerFacts['full'] {
  if (values === undefined) return undefined;
  const [, device = '', mtu, verdict] = values;
  return { device, mtu: Number(mtu), arrive: verdict === 'ok' };
}
