/** So many of something, in words: "1 tool", "2 tools". @param many default: with an s */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The same with its verb: "1 request is", "2 requests are". */
export function countedAre(count: number, one: string, many?: string): string {
  return `${counted(count, one, many)} ${count === 1 ? "is" : "are"}`;
}
