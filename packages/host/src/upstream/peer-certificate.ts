import { isIP, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { type ProxySetting, proxyFor } from "./proxy.ts";

/** What the certificate of a server says of itself. */
export interface PeerCertificate {
  /** Whom it is for, in one line. */
  readonly subject: string;
  readonly issuer: string;
  /** From and until when it is good, in milliseconds since 1970. */
  readonly validFrom: number;
  readonly validTo: number;
  /** SHA-256, as `AB:CD:...`. */
  readonly fingerprint: string;
}

export interface PeerCertificateOptions {
  /** Milliseconds until the server must have shown it. */
  readonly timeout?: number;
  /** As the entry of a server says it; without it the environment does. */
  readonly proxy?: ProxySetting;
}

const TIMEOUT = 10_000;

/**
 * The certificate that a server shows at this address (https: or wss:), which is reached as the host reaches its servers, proxies included. It is
 * only looked at: nothing is sent, and one that is out of date or of an unknown authority is told like any other.
 * @throws Error in words that hold no address, where there is no such server
 */
export async function peerCertificate(
  address: string | URL,
  { timeout = TIMEOUT, proxy }: PeerCertificateOptions = {},
): Promise<PeerCertificate> {
  const url = new URL(address);
  if (url.protocol !== "https:" && url.protocol !== "wss:")
    throw new TypeError(`${url.protocol} has no certificates; https: and wss: have`);
  const dial = proxyFor(url, proxy) === undefined ? undefined : (await import("./tunnel.ts")).proxyTunnel(url, proxy);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const socket = await dial?.();
  return shown(host, Number(url.port || 443), socket, timeout);
}

function shown(host: string, port: number, socket: Socket | undefined, timeout: number): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const secure: TLSSocket = connect({
      ...(socket ? { socket } : { port }),
      host,
      ...(isIP(host) === 0 && { servername: host }),
      // Whoever wants to know until when it is good wants to know of one that is not, too; nothing is sent over this connection.
      rejectUnauthorized: false,
    });
    const late = setTimeout(() => secure.destroy(new Error(`it showed no certificate within ${timeout} ms`)), timeout);
    secure.once("secureConnect", () => {
      clearTimeout(late);
      const certificate = secure.getPeerX509Certificate();
      secure.destroy();
      if (!certificate) return reject(new Error("it showed no certificate"));
      const { subject, issuer, validFrom, validTo, fingerprint256: fingerprint } = certificate;
      resolve({
        subject: oneLine(subject),
        issuer: oneLine(issuer),
        validFrom: Date.parse(validFrom),
        validTo: Date.parse(validTo),
        fingerprint,
      });
    });
    // Once it has been shown, or was too late, an error of the socket says nothing more.
    secure.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(late);
      socket?.destroy();
      reject(error.code === undefined ? error : new Error(`it cannot be reached (${error.code})`));
    });
  });
}

/** Node has one attribute in each line. */
const oneLine = (name: string | undefined): string => (name ?? "").split("\n").join(", ");
