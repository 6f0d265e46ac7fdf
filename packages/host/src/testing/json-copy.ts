/** The value as it comes out at the other end of a wire. @throws TypeError for what cannot be written as JSON */
export function jsonCopy<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}
