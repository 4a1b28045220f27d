import { isBelow } from '../../format/path.ts';
import type { TreePages } from './action.ts';
import { compileFilter, type FilterRule } from './filter.ts';

/** Of a tree that was listed whole, what is not excluded. */
export async function* filterPages(pages: TreePages, rules: readonly FilterRule[]): TreePages {
  const isExcluded = compileFilter(rules);
  let excluded: string | undefined;
  for await (const page of pages) {
    if (rules.length === 0) {
      yield page;
      continue;
    }
    yield page.filter((item) => {
      if (excluded !== undefined && isBelow(item.relative, excluded)) return false;
      if (!isExcluded(item)) return true;
      excluded = item.relative;
      return false;
    });
  }
}
