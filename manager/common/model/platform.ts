/** Docker's names for the architecture names of the kernel and other tools. */
const architectures: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  armv6l: 'arm',
  armv7l: 'arm',
  armhf: 'arm',
  i386: '386',
  i686: '386',
  x86: '386',
};

export function normalArch(arch: string): string {
  const lower = arch.toLowerCase();
  return architectures[lower] ?? lower;
}

export interface Platform {
  readonly os: string;
  readonly arch: string;
}

/** Parses `os/arch[/variant]`, or `arch` alone for linux. The variant is ignored in placement. */
export function parsePlatform(text: string): Platform {
  const [first = '', second] = text.split('/');
  if (second === undefined) return { os: 'linux', arch: normalArch(first) };
  return { os: first.toLowerCase(), arch: normalArch(second) };
}

/** Whether a node with `os` and `arch` can run containers of `platform`. */
export function runsPlatform(platform: Platform, os: string, arch: string): boolean {
  return platform.os === os.toLowerCase() && platform.arch === normalArch(arch);
}
