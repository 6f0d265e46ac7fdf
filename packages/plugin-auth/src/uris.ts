/** Encodings within encodings that are taken off. */
const LAYERS = 2;

/**
 * A URI as a lenient server may read it: percent-decoded, without query and fragment, NUL, dot segments and empty
 * segments. It is for comparing only: what is sent stays as the client wrote it.
 */
export function plainUri(uri: string): string {
  let text = uri.replace(/[?#].*$/s, "");
  for (let layer = 0; layer < LAYERS; layer++)
    text = text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll("%", ""), "hex").toString());
  text = text.replaceAll("\u0000", "").replace(/[?#].*$/s, "");
  const [base = ""] = /^[A-Za-z][A-Za-z0-9+.-]*:(?:\/\/[^/]*\/?)?/.exec(text) ?? [];
  const kept: string[] = [];
  for (const segment of text.slice(base.length).split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "." && segment !== "") kept.push(segment);
  }
  return base + kept.join("/");
}
