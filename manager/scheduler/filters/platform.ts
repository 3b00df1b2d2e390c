import { runsPlatform } from '../../common/model/platform.js';
import type { NodeFilter } from './filter.js';
import { reasonOnNodes } from './filter.js';

export const platformFilter: NodeFilter = {
  check({ platform }, { node }) {
    const { os, arch } = node.description;
    if (platform === undefined || runsPlatform(platform, os, arch)) return undefined;
    const wanted = `${platform.os}/${platform.arch}`;
    return reasonOnNodes(`platform is not ${wanted}`, `is not ${wanted}`);
  },
};
