/** Kernel device names of a network. At most 15 characters: a VNI has up to eight digits. */
export const bridgeOf = (vni: number): string => `sh${String(vni)}`;
export const vxlanOf = (vni: number): string => `shvx${String(vni)}`;

/** Device names owned by Shoal; a device that matches neither is never touched. */
export const isOurBridge = (name: string): boolean => /^sh\d+$/.test(name);
export const isOurVxlan = (name: string): boolean => /^shvx\d+$/.test(name);

/** Encapsulation overhead: outer Ethernet 14, IPv4 20, UDP 8, VXLAN 8 bytes (RFC 7348 §5). */
export const vxlanOverheadBytes = 50;
