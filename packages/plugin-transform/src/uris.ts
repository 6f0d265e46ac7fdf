/** A text with its percent-encoding taken off once. What encodes no character becomes U+FFFD. */
export function percentDecoded(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll("%", ""), "hex").toString());
}

/**
 * A URI as a lenient server may read it: percent-decoded once, its dot segments removed, without query and fragment. It is
 * for comparing only: what is sent stays as the client wrote it.
 */
export function normalizedUri(uri: string): string {
  const end = uri.search(/[?#]/);
  const plain = percentDecoded(end === -1 ? uri : uri.slice(0, end));
  const base = /^[A-Za-z][A-Za-z0-9+.-]*:(?:\/\/[^/]*)?/.exec(plain)?.[0] ?? "";
  const path = plain.slice(base.length);
  return base + (path.includes(".") ? withoutDots(path) : path);
}

function withoutDots(path: string): string {
  const root = path.startsWith("/") ? "/" : "";
  const segments = path.slice(root.length).split("/");
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  // A path that ends in a dot segment names a folder.
  if (/^\.\.?$/.test(segments.at(-1) as string) && kept.length > 0) kept.push("");
  return root + kept.join("/");
}
