import type { ComposeService } from '../model.js';

type Services = Readonly<Record<string, ComposeService>>;

/**
 * True if a profile of the service is active, or `*` is; services without profiles are always on.
 */
export function isEnabled(service: ComposeService, profiles: readonly string[]): boolean {
  if (service.profiles === undefined || service.profiles.length === 0) return true;
  return profiles.includes('*') || service.profiles.some((profile) => profiles.includes(profile));
}

export function splitByProfiles(
  services: Services,
  profiles: readonly string[],
): { enabled: Record<string, ComposeService>; disabled: Record<string, ComposeService> } {
  const enabled: Record<string, ComposeService> = {};
  const disabled: Record<string, ComposeService> = {};
  for (const [name, service] of Object.entries(services)) {
    (isEnabled(service, profiles) ? enabled : disabled)[name] = service;
  }
  return { enabled, disabled };
}
