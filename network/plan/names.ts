/** Kernel names of what belongs to a network. At most 15 characters: a VNI has up to eight digits. */
export const bridgeOf = (vni: number): string => `sh${String(vni)}`;
export const vxlanOf = (vni: number): string => `shvx${String(vni)}`;

/** Our own devices, and nobody else's: whatever matches neither is never touched. */
export const isOurBridge = (name: string): boolean => /^sh\d+$/.test(name);
export const isOurVxlan = (name: string): boolean => /^shvx\d+$/.test(name);

/** The IANA port of VXLAN (RFC 7348), not the older default of the kernel (8472). */
export const vxlanPort = 4789;

/** Outer Ethernet 14, IPv4 20, UDP 8, VXLAN 8 bytes (RFC 7348 §5). */
export const vxlanOverheadBytes = 50;
