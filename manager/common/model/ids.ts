/** Branded strings: an id of one kind cannot be used as another. */
type Brand<Name extends string> = string & { readonly __id: Name };

export type NodeId = Brand<'node'>;
export type ServiceId = Brand<'service'>;
export type TaskId = Brand<'task'>;
export type NetworkId = Brand<'network'>;
export type VolumeId = Brand<'volume'>;
export type SecretId = Brand<'secret'>;
export type ConfigId = Brand<'config'>;
export type ImageId = Brand<'image'>;
export type LeaseId = Brand<'lease'>;
