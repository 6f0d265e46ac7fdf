import { createHmac } from "node:crypto";

/** What a secret in base64 begins with, as libraries for Standard Webhooks give them out. */
const ENCODED = "whsec_";
const SHORTEST = 16;

/** The bytes of a secret; undefined for one that says it is base64 and is not, or is too short. */
export function webhookKey(secret: string): Buffer | undefined {
  if (!secret.startsWith(ENCODED)) return Buffer.from(secret);
  const text = secret.slice(ENCODED.length);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const key = Buffer.from(text, "base64");
  return key.length < SHORTEST ? undefined : key;
}

/** Signs requests as Standard Webhooks has it: id, time and body in one, so that none of them can be exchanged. */
export class WebhookSigner {
  readonly #keys: readonly Buffer[];

  /** @param secrets each signs */
  constructor(secrets: readonly string[]) {
    this.#keys = secrets.flatMap((secret) => webhookKey(secret) ?? []);
  }

  /** @param now milliseconds since 1970 */
  headers(id: string, now: number, body: string): Record<string, string> {
    const timestamp = String(Math.floor(now / 1_000));
    const signatures = this.#keys.map(
      (key) => `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64")}`,
    );
    return {
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      ...(signatures.length > 0 && { "webhook-signature": signatures.join(" ") }),
    };
  }
}
