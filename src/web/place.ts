/** Where somebody is on the page, as the fragment of its address says it. The server never sees that. */
export type Place = { readonly view: 'volumes' | 'shares' | 'people' } | PathPlace;

export interface PathPlace {
  readonly view: 'files' | 'history' | 'access';
  readonly volume: string;
  /** Inside the volume; `''` for its root directory. */
  readonly path: string;
  /** A moment of the past, undefined for now. */
  readonly at?: string | undefined;
}

/** What is no place is the list of volumes. */
export function parsePlace(fragment: string): Place {
  const [route = '', query = ''] = fragment.replace(/^#/, '').split('?', 2);
  const [, view = '', volume = '', ...names] = route.split('/');
  if (view === 'shares' || view === 'people') return { view };
  if (!isPathView(view) || volume === '') return { view: 'volumes' };
  try {
    const path = names.map(decodeURIComponent).filter((name) => name !== '');
    const at = new URLSearchParams(query).get('at') ?? undefined;
    return { view, volume: decodeURIComponent(volume), path: path.join('/'), at };
  } catch {
    return { view: 'volumes' };
  }
}

function isPathView(view: string): view is PathPlace['view'] {
  return view === 'files' || view === 'history' || view === 'access';
}

export function formatPlace(place: Place): string {
  if (!('path' in place)) return `#/${place.view}`;
  const { view, volume, path, at } = place;
  const names = [volume, ...(path === '' ? [] : path.split('/'))].map(encodeURIComponent);
  const query = at === undefined ? '' : `?${new URLSearchParams({ at })}`;
  return `#/${view}/${names.join('/')}${query}`;
}

export function apiPath({ volume, path }: Pick<PathPlace, 'volume' | 'path'>): string {
  return path === '' ? `/${volume}` : `/${volume}/${path}`;
}

/** `gdp://…`, as the command line takes it. */
export function userPath(place: Pick<PathPlace, 'volume' | 'path'>): string {
  return `gdp:/${apiPath(place)}`;
}

export function join(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

export function parentOf(path: string): string {
  return path.split('/').slice(0, -1).join('/');
}

export function nameOf(path: string): string {
  return path.split('/').at(-1) ?? '';
}

/** Something in a directory. */
export function below(place: PathPlace, name: string): PathPlace {
  return { ...place, path: join(place.path, name) };
}
