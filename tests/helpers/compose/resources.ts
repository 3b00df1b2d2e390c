import type { Model } from './inspected.js';

interface Labelled {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

/** The part of `docker network inspect` that the tests read. */
export interface InspectedNetwork extends Labelled {
  readonly Internal: boolean;
  readonly IPAM: { readonly Config: readonly { readonly Subnet?: string }[] | null };
}

/** The part of `docker volume inspect` that the tests read. */
export interface InspectedVolume extends Labelled {
  readonly Driver: string;
  readonly Options: Readonly<Record<string, string>> | null;
}

/** Differences between the file and a network of one engine, one sentence each. */
export function networkDifferences(model: Model, seen: InspectedNetwork): string[] {
  const found = Object.entries(model.networks).find(([, { name }]) => name === seen.Name);
  if (found === undefined) return [`network ${seen.Name} is not in the file`];
  const [key, network] = found;
  const subnet = network.ipam.config?.[0]?.subnet;
  return [
    ...labelDifferences(model, seen, { ...network.labels, 'com.docker.compose.network': key }),
    ...(seen.Internal === (network.internal === true) ? [] : [`${seen.Name}: internal differs`]),
    ...(subnet === undefined || seen.IPAM.Config?.[0]?.Subnet === subnet
      ? []
      : [`${seen.Name}: subnet is not ${subnet}`]),
  ];
}

export function volumeDifferences(model: Model, seen: InspectedVolume): string[] {
  const found = Object.entries(model.volumes).find(([, { name }]) => name === seen.Name);
  if (found === undefined) return [`volume ${seen.Name} is not in the file`];
  const [key, volume] = found;
  const options = JSON.stringify(seen.Options ?? {});
  return [
    ...labelDifferences(model, seen, { ...volume.labels, 'com.docker.compose.volume': key }),
    ...(seen.Driver === (volume.driver ?? 'local') ? [] : [`${seen.Name}: driver ${seen.Driver}`]),
    ...(options === JSON.stringify(volume.driver_opts ?? {})
      ? []
      : [`${seen.Name}: options ${options}`]),
  ];
}

function labelDifferences(
  model: Model,
  { Name, Labels }: Labelled,
  wanted: Readonly<Record<string, string>>,
): string[] {
  const labels = { ...wanted, 'com.docker.compose.project': model.name };
  return Object.entries(labels)
    .filter(([key, value]) => Labels?.[key] !== value)
    .map(([key, value]) => `${Name}: label ${key} is ${String(Labels?.[key])}, not ${value}`);
}
