import { validateHeaderName, validateHeaderValue } from "node:http";

/** Of the message itself, the connection, or the signature. */
const OWN =
  /^(host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|proxy-.*|content-.*|accept|accept-encoding|webhook-.*)$/i;

/** Why a header cannot be sent; undefined where it can. */
export function webhookHeaderProblem(name: string, value: string): string | undefined {
  if (OWN.test(name)) return "is a header of the message, the connection or the signature, which are written anyway; remove it";
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    return "is no header: names have letters, digits and -, values no line breaks or characters beyond Latin-1";
  }
  return undefined;
}
