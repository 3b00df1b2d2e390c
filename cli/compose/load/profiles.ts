import type { Service } from '../model.js';

type Services = Readonly<Record<string, Service>>;

/**
 * True if a profile of the service is active, or `*` is; services without profiles are always on.
 */
export function isEnabled(service: Service, profiles: readonly string[]): boolean {
  if (service.profiles === undefined || service.profiles.length === 0) return true;
  return profiles.includes('*') || service.profiles.some((profile) => profiles.includes(profile));
}

export function splitByProfiles(
  services: Services,
  profiles: readonly string[],
): { enabled: Record<string, Service>; disabled: Record<string, Service> } {
  const enabled: Record<string, Service> = {};
  const disabled: Record<string, Service> = {};
  for (const [name, service] of Object.entries(services)) {
    (isEnabled(service, profiles) ? enabled : disabled)[name] = service;
  }
  return { enabled, disabled };
}
