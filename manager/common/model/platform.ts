/** The kernel's and other tools' names of processor architectures, in Docker's words. */
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

/** Reads `os/arch[/variant]`, or `arch` alone for linux. The variant does not decide about placement. */
export function parsePlatform(text: string): Platform {
  const [first = '', second] = text.split('/');
  if (second === undefined) return { os: 'linux', arch: normalArch(first) };
  return { os: first.toLowerCase(), arch: normalArch(second) };
}

/** True when a node of `os` and `arch` runs containers of `platform`. */
export function runsPlatform(platform: Platform, os: string, arch: string): boolean {
  return platform.os === os.toLowerCase() && platform.arch === normalArch(arch);
}
