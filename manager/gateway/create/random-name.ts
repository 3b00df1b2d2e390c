import { createHash } from 'node:crypto';

const moods = [
  ...['amber', 'bold', 'brave', 'brisk', 'calm', 'clever', 'deep', 'eager', 'fair', 'fleet'],
  ...['gentle', 'glad', 'golden', 'happy', 'hardy', 'jolly', 'keen', 'kind', 'lively', 'lucid'],
  ...['mellow', 'merry', 'modest', 'nimble', 'noble', 'patient', 'placid', 'proud', 'quick'],
  ...['quiet', 'ready', 'silver', 'sleek', 'smooth', 'steady', 'sunny', 'swift', 'tidal', 'warm'],
];
const swimmers = [
  ...['anchovy', 'barbel', 'bass', 'bream', 'carp', 'char', 'cod', 'dace', 'dorado', 'eel'],
  ...['flounder', 'garfish', 'goby', 'grayling', 'haddock', 'hake', 'halibut', 'herring', 'ling'],
  ...['mackerel', 'minnow', 'mullet', 'perch', 'pike', 'plaice', 'pollock', 'roach', 'salmon'],
  ...[
    'sardine',
    'smelt',
    'sole',
    'sprat',
    'sturgeon',
    'tench',
    'trout',
    'tuna',
    'turbot',
    'wrasse',
  ],
];

/** A name for a container without one, derived from a random id: `brisk_herring`. */
export function randomName(id: string, attempt: number): string {
  const digest = createHash('sha256').update(id).digest();
  const mood = moods[digest.readUInt16BE(0) % moods.length] ?? '';
  const swimmer = swimmers[digest.readUInt16BE(2) % swimmers.length] ?? '';
  const suffix = attempt === 0 ? '' : String(digest.readUInt16BE(4));
  return `${mood}_${swimmer}${suffix}`;
}
