/*
 * Lifetimes of certificates that this computer signs, days.
 */

/** Engine and client certificates, as in docker-machine. */
export const certificateDays = 1080;
/** Worker and manager certificates, which renew themselves. */
export const nodeCertificateDays = 90;
/** The user's CA and the CAs of engines and Consul agents. */
export const authorityDays = 3650;
export const clusterAuthorityDays = 1825;
