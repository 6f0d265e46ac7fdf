const GROUP = 0o020;
const WORLD = 0o002;

/** Whether a file's mode lets anybody but its owner write it. Windows has no such bits. */
export function isWritableByOthers(mode: number): boolean {
  return process.platform !== "win32" && (mode & (GROUP | WORLD)) !== 0;
}

export function isWorldWritable(mode: number): boolean {
  return process.platform !== "win32" && (mode & WORLD) !== 0;
}
