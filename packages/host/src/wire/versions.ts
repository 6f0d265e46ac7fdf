/** The legacy-era protocol versions that the host speaks, newest first. */
export const PROTOCOL_VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"] as const;

export const LATEST_VERSION = PROTOCOL_VERSIONS[0];

export function isSupportedVersion(version: unknown): version is string {
  return (PROTOCOL_VERSIONS as readonly unknown[]).includes(version);
}

/** The modern-era protocol versions that the host speaks, newest first. They know neither `initialize` nor sessions. */
export const MODERN_VERSIONS = ["2026-07-28"] as const;

/** Whether a version is one of the modern era, known or not: they are dates, and this one was the first. */
export function isModern(version: unknown): version is string {
  // Each call asks several times: the version that there is goes first.
  return (
    version === MODERN_VERSIONS[0] || (typeof version === "string" && version > MODERN_VERSIONS[0] && /^\d{4}-\d{2}-\d{2}$/.test(version))
  );
}

/** JSON-RPC code of a server that speaks none of the versions that it is asked in. @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning */
export const UNSUPPORTED_VERSION = -32022;

/** Log levels of the specification (RFC 5424), from chatty to grave. */
export const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;

/** The place of a level in {@link LEVELS}; -1 when it is none. */
export function severity(level: unknown): number {
  return (LEVELS as readonly unknown[]).indexOf(level);
}
