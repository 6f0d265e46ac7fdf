import { createHash, timingSafeEqual } from "node:crypto";
import { ConfigError, isLoopback } from "mcp-host";

/** What of the options decides who may read. */
export interface AccessOptions {
  readonly token?: string | undefined;
  readonly open: boolean;
}

/** Whether a request with this Authorization header may read. */
export type Access = (authorization: string | undefined) => boolean;

/**
 * Who may read the figures: the host authenticates its endpoint only, so routes guard themselves. Without a token everybody
 * who reaches the port may, which needs saying where others than this machine's users reach it.
 * @throws ConfigError where that was not said
 */
export function accessOf({ token, open }: AccessOptions, address: string | undefined): Access {
  if (token !== undefined) {
    const wanted = digest(token);
    return (authorization) => {
      const [, given] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
      return given !== undefined && timingSafeEqual(digest(given), wanted);
    };
  }
  if (address !== undefined && !isLoopback(address) && !open)
    throw new ConfigError([
      `plugin "metrics": listen.host "${address}" can be reached from other machines, and so could the metrics: set options.token (scrapers send it as "Authorization: Bearer ..."), or options.open: true if everybody may read them`,
    ]);
  return () => true;
}

/** Of one length whatever was given, so that a comparison takes one time. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
