/** Whether an address can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether secrets may travel to and from there: encrypted, or within this machine, and with no password in the URL. */
export function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== "" || password !== "") return false;
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname.replace(/^\[|\]$/g, "")));
}

/** Whether a name that a Host header or a URL may have, with or without a port, is one of this machine's own. */
export function isLoopbackName(name: string): boolean {
  const [, bare = name] = /^(\[.*\]|[^:]*)(?::\d+)?$/.exec(name.toLowerCase()) ?? [];
  return isLoopback(bare.replace(/^\[|\]$/g, "")) || bare.endsWith(".localhost"); // RFC 6761 section 6.3
}
