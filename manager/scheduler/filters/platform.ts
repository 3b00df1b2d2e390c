import { runsPlatform } from '../../common/model/platform.js';
import type { Filter } from './filter.js';
import { lacks } from './filter.js';

export const platformFilter: Filter = {
  check({ platform }, { node }) {
    const { os, arch } = node.description;
    if (platform === undefined || runsPlatform(platform, os, arch)) return undefined;
    const wanted = `${platform.os}/${platform.arch}`;
    return lacks(`platform is not ${wanted}`, `is not ${wanted}`);
  },
};
