const MB = 1024 * 1024;

/** What a bundle may be at most. One with an interpreter and its libraries has tens of thousands of files and some hundred megabytes. */
export const LIMITS = {
  /** Bytes of the bundle itself. */
  bundleBytes: 512 * MB,
  /** Bytes of all its files, unpacked. */
  totalBytes: 2_048 * MB,
  /** Bytes of one of them. */
  fileBytes: 1_024 * MB,
  entries: 100_000,
  /** How many times its packed size a file may have, beyond the first megabyte. */
  ratio: 200,
  /** Bytes of manifest.json. */
  manifestBytes: 4 * MB,
} as const;
