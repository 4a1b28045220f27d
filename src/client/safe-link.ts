/**
 * Does a symbolic link at `relative`, in a tree, lead out of the tree? Only what leads up at once, from
 * the link's own directory, can be told from the text: behind a name, which may be a link itself,
 * `..` can lead anywhere, and counts as leading out.
 */
export function leadsOut(relative: string, target: string): boolean {
  if (target.startsWith('/')) return true;
  const steps = target.split('/').filter((step) => step !== '' && step !== '.');
  const named = steps.findIndex((step) => step !== '..');
  const up = named === -1 ? steps.length : named;
  const depth = relative.split('/').length - 1;
  return up > depth || steps.includes('..', up);
}
