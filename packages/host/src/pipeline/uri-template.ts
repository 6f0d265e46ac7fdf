import { inOrder } from "../exchange/glob.ts";

/**
 * A test of whether a URI can come from a URI template (RFC 6570). Variables match without regard to their values, and
 * matching is linear: a template comes from an upstream and must not be able to stall the host (CVE-2026-0621).
 */
export function templateMatcher(template: string): (uri: string) => boolean {
  return inOrder(plainParts(template));
}

/** How much of a template every URI that comes from it has: the more, the narrower it is. What its variables are called does not count. */
export function narrowness(template: string): number {
  return plainParts(template).join("").length;
}

function plainParts(template: string): string[] {
  return template.split(/\{[^{}]*\}/);
}
