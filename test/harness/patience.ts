import { vi } from "vitest";

/**
 * Until what a test waits for must have come, unless the test says otherwise, in milliseconds. A busy machine may be slow; on an idle one
 * nobody waits for this. It is that of `expect.poll`, too (vitest.config.ts).
 */
export const PATIENCE = 30_000;

const waitFor = vi.waitFor;
vi.waitFor = (work, options) => waitFor(work, { timeout: PATIENCE, ...(typeof options === "number" ? { timeout: options } : options) });
