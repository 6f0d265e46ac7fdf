import http from "node:http";
import https from "node:https";
import { isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { registerSecret } from "../redact.ts";
import { ProxyFailure, type ProxySetting, proxyFor } from "./proxy.ts";

/** How long it may take until there is a connection to the server. */
export const CONNECT_TIMEOUT = 10_000;
const KEEP_ALIVE = 60_000;

/** Opens a connection to the server, encrypted where its URL says so. */
export type Dial = () => Promise<Socket>;

/** How a server is reached that is behind a proxy; undefined where it is not. Everything goes through a tunnel (CONNECT), so that the proxy reads no more than the server's name. */
export function proxyDial(url: URL, setting?: ProxySetting): Dial | undefined {
  const open = proxyTunnel(url, setting);
  return open && (async () => (isEncrypted(url) ? encrypted(await open(), bare(url)) : open()));
}

/** The same way, before anything is encrypted. */
export function proxyTunnel(url: URL, setting?: ProxySetting): Dial | undefined {
  const written = proxyFor(url, setting);
  if (written === undefined) return undefined;
  const text = written.includes("://") ? written : `http://${written}`; // as curl reads it
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy?.protocol !== "http:" && proxy?.protocol !== "https:") {
    const why = "its proxy is no http:// or https:// URL; correct `proxy` of the server, or the variable that names it";
    return () => Promise.reject(new ProxyFailure(why));
  }
  const headers = authorization(proxy);
  return () => dial(proxy, headers, url);
}

/** As undici wants it. */
export function connector(dialled: Dial) {
  return (_: unknown, callback: (...args: [error: null, socket: Socket] | [error: Error, socket: null]) => void): void => {
    dialled().then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null), // only errors are thrown there
    );
  };
}

async function dial(proxy: URL, headers: Record<string, string>, url: URL): Promise<Socket> {
  const socket = await tunnel(proxy, headers, `${url.hostname}:${url.port || (isEncrypted(url) ? 443 : 80)}`);
  return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE);
}

const isEncrypted = ({ protocol }: URL): boolean => protocol === "https:" || protocol === "wss:";

function tunnel(proxy: URL, headers: Record<string, string>, path: string): Promise<Socket> {
  const isSecure = proxy.protocol === "https:";
  const host = bare(proxy);
  return new Promise((resolve, reject) => {
    const request = (isSecure ? https : http).request({
      method: "CONNECT",
      path,
      host,
      port: proxy.port || (isSecure ? 443 : 80),
      agent: false,
      headers: { host: path, ...headers },
      ...(isSecure && { servername: isIP(host) ? "" : host }), // else Node takes it from the Host header
    });
    const late = setTimeout(() => request.destroy(new ProxyFailure("its proxy did not answer")), CONNECT_TIMEOUT);
    request.once("connect", ({ statusCode }, socket: Socket, head) => {
      clearTimeout(late);
      if (statusCode === 200) {
        if (head.length > 0) socket.unshift(head);
        return resolve(socket);
      }
      socket.destroy();
      reject(new ProxyFailure(`its proxy answered HTTP ${statusCode}`));
    });
    request.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(late);
      reject(error instanceof ProxyFailure ? error : new ProxyFailure(`its proxy cannot be reached: ${error.code ?? "connection failed"}`));
    });
    request.end();
  });
}

function encrypted(socket: Socket, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({ socket, host, ...(isIP(host) === 0 && { servername: host }) });
    const late = setTimeout(() => secure.destroy(new ProxyFailure("it did not agree to encrypt the connection")), CONNECT_TIMEOUT);
    const failed = (error: Error): void => {
      clearTimeout(late);
      socket.destroy();
      reject(error);
    };
    secure.once("error", failed);
    secure.once("secureConnect", () => {
      clearTimeout(late);
      secure.off("error", failed);
      resolve(secure);
    });
  });
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const [name, secret] = [decoded(username), decoded(password)];
  const value = Buffer.from(`${name}:${secret}`).toString("base64");
  for (const each of [password, secret, value]) if (each !== "") registerSecret(each);
  return { "proxy-authorization": `Basic ${value}` };
}

/** URLs may hold a `%` that encodes nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The host of a URL, without the brackets of an address. */
function bare({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}
