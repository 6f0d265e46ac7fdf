import { generateKeyPairSync, sign } from "node:crypto";

/** One element of DER. */
const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const bytes: number[] = [];
  for (let left = body.length; left > 0; left >>= 8) bytes.unshift(left & 0xff);
  const length = body.length < 0x80 ? [body.length] : [0x80 | bytes.length, ...bytes];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
};

const SEQUENCE = 0x30;
const SET = 0x31;
const oid = (...bytes: number[]): Buffer => der(0x06, Buffer.from(bytes));
/** ecdsa-with-SHA256 */
const ALGORITHM = der(SEQUENCE, oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));

/** UTCTime. */
const time = (at: number): Buffer => {
  const text = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return der(0x17, Buffer.from(text.slice(2)));
};

const name = (common: string): Buffer => der(SEQUENCE, der(SET, der(SEQUENCE, oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(common)))));

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${bytes.toString("base64").replaceAll(/.{64}/g, "$&\n")}\n-----END ${label}-----\n`;

/** A certificate for `localhost`, signed by itself, that ends when it is told. */
export function certificateUntil(end: number): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const facts = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, Buffer.from([1])),
    ALGORITHM,
    name("localhost"),
    der(SEQUENCE, time(Date.now() - 86_400_000), time(end)),
    name("localhost"),
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = sign("sha256", facts, privateKey);
  const cert = der(SEQUENCE, facts, ALGORITHM, der(0x03, Buffer.from([0]), signature));
  return { cert: pem("CERTIFICATE", cert), key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}
