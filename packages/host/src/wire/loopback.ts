/** Whether an address can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether a name that a Host header or a URL may have, with or without a port, is one of this machine's own. */
export function isLoopbackName(name: string): boolean {
  const [, bare = name] = /^(\[.*\]|[^:]*)(?::\d+)?$/.exec(name.toLowerCase()) ?? [];
  return isLoopback(bare.replace(/^\[|\]$/g, "")) || bare.endsWith(".localhost"); // RFC 6761 section 6.3
}
