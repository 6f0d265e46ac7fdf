import { validateHeaderName, validateHeaderValue } from "node:http";

/** Of the message itself, or of the connection. */
const OWN = /^(host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|proxy-.*|content-.*|accept|accept-encoding)$/i;

/** Why a header cannot be sent; undefined where it can. */
export function headerProblem(name: string, value: string): string | undefined {
  if (OWN.test(name)) return "is a header of the message or the connection, which this plugin writes; remove it";
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    return "is no header: names have letters, digits and -, values no line breaks or characters beyond Latin-1";
  }
  return undefined;
}

/** What of the headers must not turn up in the log. */
export function secretsOf(headers: Readonly<Record<string, string>>): string[] {
  return Object.values(headers)
    .flatMap((value) => [value, value.replace(/^\w+\s+/, "")])
    .filter((value) => value.length >= 8);
}
