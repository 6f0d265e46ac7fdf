import type { ResolveHook } from "node:module";

/** What a plugin's file is imported with: what it and the files that it imports hold. */
const CONTENT = /^\?content=[0-9a-f]+$/;

/**
 * Runs in the thread in which Node resolves imports. What a plugin's file imports by a path is imported for the same content as the file,
 * and so anew with it: Node keeps every module for ever, by its URL.
 */
export const resolve: ResolveHook = async (specifier, context, next) => {
  const found = await next(specifier, context);
  if (!/^\.\.?\//.test(specifier) || !context.parentURL?.startsWith("file:") || !found.url.startsWith("file:")) return found;
  const { search } = new URL(context.parentURL);
  return CONTENT.test(search) && !found.url.includes("?") ? { ...found, url: found.url + search } : found;
};
