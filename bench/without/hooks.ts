/**
 * Loaded before a server that is measured without a part of it: that part is replaced by one that does
 * nothing. The server itself has no switch for it.
 */
import { registerHooks } from 'node:module';
import { VARIANTS, type Variant } from './variants.ts';

const variant = process.env['GDPFS_BENCH_WITHOUT'] as Variant;
const replacements = new Map(
  Object.entries(VARIANTS[variant]).map(([original, replacement]) => [
    new URL(`../../src/${original}`, import.meta.url).href,
    new URL(replacement, import.meta.url).href,
  ]),
);

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const replacement = replacements.get(resolved.url);
    // What replaces a module takes the rest from it.
    if (replacement === undefined || context.parentURL === replacement) return resolved;
    return { ...resolved, url: replacement };
  },
});
