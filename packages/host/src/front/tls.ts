import { readFileSync, statSync } from "node:fs";
import type { IncomingMessage, RequestListener, ServerOptions } from "node:http";
import https from "node:https";
import { resolve } from "node:path";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { ListenConfig } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import { errorFields, type Logger } from "../log.ts";
import type { FrontResponse } from "./response.ts";

type TlsConfig = NonNullable<ListenConfig["tls"]>;
type Factories = ServerOptions<typeof IncomingMessage, typeof FrontResponse>;

/** How often the files are looked at. Asking works where notifications do not: mounted volumes, links that are swapped. */
const LOOK = 1_000;
const HANDSHAKE = 10_000;

/** The certificate of `listen.tls`, read anew when its files change. */
export class Certificate {
  readonly #config: TlsConfig;
  readonly #folder: string;
  readonly #log: Logger;
  /** What the files were like when they were read last. */
  #read = "";
  #watch: NodeJS.Timeout | undefined;
  #server: https.Server<typeof IncomingMessage, typeof FrontResponse> | undefined;

  /** @param folder where relative paths begin */
  constructor(config: TlsConfig, folder: string, log: Logger) {
    this.#config = config;
    this.#folder = folder;
    this.#log = log;
  }

  /** An HTTPS server with this certificate. @throws ConfigError that names the file and what is wrong with it */
  createServer(
    options: Factories,
    serve: RequestListener<typeof IncomingMessage, typeof FrontResponse>,
  ): https.Server<typeof IncomingMessage, typeof FrontResponse> {
    const { ca } = this.#config;
    const clients = ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
    this.#server = https.createServer({ ...options, ...this.#load(), ...clients, handshakeTimeout: HANDSHAKE }, serve);
    this.#server.on("tlsClientError", (error) => this.#log.debug("a TLS handshake failed", errorFields(error)));
    this.#watch = setInterval(() => this.#look(), LOOK);
    this.#watch.unref();
    return this.#server;
  }

  /** Reads the files anew: connections that come from now on get the new certificate. One that cannot be used is logged, and the old one stays. Never throws. */
  renew(): void {
    try {
      this.#server?.setSecureContext(this.#load());
      this.#log.info("the certificate was read anew", { cert: this.#config.cert });
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [(error as Error).message];
      this.#log.error("the new certificate cannot be used; the old one stays", { problems });
    }
  }

  close(): void {
    clearInterval(this.#watch);
  }

  #look(): void {
    if (this.#now() !== this.#read) this.renew();
  }

  /** What the files are like: it changes with each of them. */
  #now(): string {
    const { cert, key, ca } = this.#config;
    return [cert, key, ...(ca === undefined ? [] : [ca])].map((path) => markOf(resolve(this.#folder, path))).join(", ");
  }

  #load(): SecureContextOptions {
    this.#read = this.#now(); // first: a change while they are read is noticed afterwards
    const { cert, key, ca, passphrase, minVersion } = this.#config;
    const context = {
      cert: this.#file("cert", cert),
      key: this.#file("key", key),
      ...(ca !== undefined && { ca: this.#file("ca", ca) }),
      ...(passphrase !== undefined && { passphrase }),
      minVersion,
    };
    try {
      createSecureContext(context);
    } catch (error) {
      throw new ConfigError([
        `listen.tls: the certificate and its key cannot be used: ${(error as Error).message}; both must be PEM and belong together`,
      ]);
    }
    return context;
  }

  #file(option: string, path: string): Buffer {
    const file = resolve(this.#folder, path);
    try {
      return readFileSync(file);
    } catch (error) {
      throw new ConfigError([`listen.tls.${option}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code}); name a PEM file`]);
    }
  }
}

function markOf(file: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unreadable"; // statSync throws nothing else
  }
}
