import { GdpfsError } from '../../base/errors.ts';
import type { Endpoint } from '../endpoint.ts';
import { openDownloadRoute } from './download-route.ts';
import type { Route, RouteCall } from './route.ts';
import { openUploadRoute } from './upload-route.ts';
import { openVolumeRoute } from './volume-route.ts';

/** Throws `not_found`, `not_a_directory`, and `usage` where there is no way. */
export async function openRoute(
  source: Endpoint,
  destination: Endpoint,
  call: RouteCall,
): Promise<Route> {
  if (source.kind === 'local' && destination.kind === 'remote') {
    return await openUploadRoute(source.path, destination, call);
  }
  if (source.kind === 'remote' && destination.kind === 'local') {
    return await openDownloadRoute(source, destination.path, call);
  }
  if (source.kind === 'remote' && destination.kind === 'remote') {
    return await openVolumeRoute(source, destination, call);
  }
  throw new GdpfsError('usage', 'cannot synchronize local paths, need "gdp://VOLUME/PATH"', {
    hint: 'use rsync',
  });
}
