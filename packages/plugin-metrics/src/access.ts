import { createHash, timingSafeEqual } from "node:crypto";

/** Whether a request with this Authorization header may read. */
export type Access = (authorization: string | undefined) => boolean;

/** Only those who send the token, where there is one. */
export function accessOf(token: string | undefined): Access {
  if (token === undefined) return () => true;
  const wanted = digest(token);
  return (authorization) => {
    const [, given] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
    return given !== undefined && timingSafeEqual(digest(given), wanted);
  };
}

/** Of one length whatever was given, so that a comparison takes one time. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
