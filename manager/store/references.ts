import type { SpecReference } from '../common/model/rollback.js';
import { referencesOf } from '../common/model/rollback.js';
import type { ServiceSpec } from '../common/model/service.js';
import type { StoreView } from './store.js';

/** First object a spec refers to that does not exist or is being removed; undefined if none. */
export function missingReference(view: StoreView, spec: ServiceSpec): SpecReference | undefined {
  return referencesOf(spec).find((reference) => !exists(view, reference));
}

function exists(view: StoreView, { kind, name }: SpecReference): boolean {
  switch (kind) {
    case 'network':
      return view.networkByName(name)?.removing === false;
    case 'volume':
      return view.volumeByName(name)?.removing === false;
    case 'secret':
      return view.secretByName(name) !== undefined;
    case 'config':
      return view.configByName(name) !== undefined;
  }
}
