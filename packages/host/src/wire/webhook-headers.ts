import { isHeaderName, isHeaderValue } from "./headers.ts";

/** Of the message itself, the connection, or the signature. */
const OWN =
  /^(host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|proxy-.*|content-.*|accept|accept-encoding|webhook-.*)$/i;

/** Why a header cannot be sent; undefined where it can. */
export function webhookHeaderProblem(name: string, value: string): string | undefined {
  if (OWN.test(name)) return "is a header of the message, the connection or the signature, which are written anyway; remove it";
  if (isHeaderName(name) && isHeaderValue(value)) return undefined;
  return "is no header: names have letters, digits and -, values no line breaks or characters beyond Latin-1";
}
