import { FakeClock } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { clientFor, isTaken, noteRefusal } from "../dist/clients.js";
import { Egress } from "../dist/egress.js";
import { Memory } from "../dist/memory.js";
import { server as serverSchema } from "../dist/options.js";
import { asked, origin, script } from "./scripted.ts";

const egress = () => new Egress(20_000, new AbortController().signal);
const optionsOf = (given: object = {}) => serverSchema.parse(given);
const paths = () => asked.map(({ path }) => path);

describe("as whom", () => {
  const clock = new FakeClock();
  const registering = (as: object, given: object = {}) => ({
    as: { issuer: origin, registration_endpoint: `${origin}/r`, ...as },
    url: `${origin}/mcp`,
    redirectUri: "http://127.0.0.1:8976/oauth/callback",
    scope: "read",
    options: optionsOf(given),
    clientName: "mcp-host",
    clientMetadataUrl: "https://me.example/client.json",
  });
  const ask = (as: object = {}, given: object = {}, store = new Memory(() => clock.monotonic())) =>
    clientFor(registering(as, given), store, egress(), () => clock.now());
  const made = (body: object = {}) => ({
    status: 201,
    body: { client_id: "made", redirect_uris: ["http://127.0.0.1:8976/oauth/callback"], ...body },
  });

  test("the config's app comes first, then the document, then registration, then a word of what to do", async () => {
    script({ "/r": made() });
    const cimd = { client_id_metadata_document_supported: true };
    expect(await ask(cimd, { clientId: "app" })).toMatchObject({ source: "configured", id: "app", method: "none" });
    expect(await ask(cimd)).toMatchObject({ source: "document", id: "https://me.example/client.json" });
    expect(asked).toEqual([]);
    expect(await ask()).toMatchObject({ source: "registered", id: "made", method: "none" });
    await expect(ask({ registration_endpoint: undefined })).rejects.toMatchObject({
      kind: "needs-client",
      message: expect.stringContaining("http://127.0.0.1:8976/oauth/callback"),
    });
    await expect(ask({}, { registration: false })).rejects.toMatchObject({ kind: "needs-client" });
  });

  test("a document that the server refuses gives way to registration, where there is that", async () => {
    script({ "/r": made() });
    const store = new Memory(() => clock.monotonic());
    const cimd = { client_id_metadata_document_supported: true };
    const document = await ask(cimd, {}, store);
    expect(await noteRefusal(document, "invalid_grant", store)).toBe(false);
    expect(await ask(cimd, {}, store)).toMatchObject({ source: "document" });
    expect(await noteRefusal(document, "invalid_client", store)).toBe(true);
    expect(await ask(cimd, {}, store)).toMatchObject({ source: "registered" });
    expect(await noteRefusal(await ask(cimd, {}, store), "invalid_client", store)).toBe(false);
    expect(await ask(cimd, { registration: false }, store)).toMatchObject({ source: "document" });
    clock.advance(8 * 86_400_000);
    expect(await ask(cimd, {}, store)).toMatchObject({ source: "document" });
  });

  test.each([
    ["an error page", { status: 400 }, false],
    ["an error page of a login", { status: 401 }, false],
    ["back with an error", { status: 302, headers: { location: "http://127.0.0.1:8976/oauth/callback?error=unauthorized_client" } }, false],
    ["back with another error", { status: 302, headers: { location: "/x?error=login_required" } }, true],
    ["a page to sign in", { status: 200 }, true],
    ["on to such a page", { status: 303, headers: { location: "https://login.example/" } }, true],
    ["out of order", { status: 503 }, true],
  ])("whether a document is taken shows before a browser is sent off: %s", async (_, answer, taken) => {
    script({ "/a?client_id=x": answer });
    const cimd = registering({ client_id_metadata_document_supported: true });
    const document = await clientFor(cimd, new Memory(() => 0), egress(), () => 0);
    expect(await isTaken(document, `${origin}/a?client_id=x`, cimd, egress())).toBe(taken);
    expect(paths()).toEqual(["/a?client_id=x"]);
    // Where nothing can be done about it, nothing is asked.
    const alone = { ...cimd, options: optionsOf({ registration: false }) };
    expect(await isTaken(document, `${origin}/a?client_id=x`, alone, egress())).toBe(true);
    expect(paths()).toHaveLength(1);
  });

  test("what is registered is what servers know, and nothing else; once, until its secret ends", async () => {
    script({
      "/r": made({
        client_secret: "a secret that was given",
        client_secret_expires_at: Math.floor(clock.now() / 1_000) + 60,
        token_endpoint_auth_method: "none",
      }),
    });
    const store = new Memory(() => clock.monotonic());
    // A secret although none was asked for is there to be used.
    expect(await ask({}, {}, store)).toMatchObject({ method: "client_secret_post", secret: "a secret that was given" });
    expect(await ask({}, {}, store)).toMatchObject({ id: "made" });
    expect(asked).toHaveLength(1);
    expect(Object.keys(JSON.parse(asked[0]?.body ?? "{}") as object).sort()).toEqual(
      ["application_type", "client_name", "grant_types", "redirect_uris", "response_types", "scope", "token_endpoint_auth_method"].sort(),
    );
    clock.advance(61_000);
    await ask({}, {}, store);
    expect(asked).toHaveLength(2);
  });

  test("a server that does not know the scopes registers without them", async () => {
    script({
      "/r": (_, body) =>
        body.includes('"scope"')
          ? { status: 400, body: { error: "invalid_client_metadata" } }
          : made({ client_secret: "one without an end" }),
    });
    expect(await ask()).toMatchObject({ id: "made", secret: "one without an end" });
    expect(asked).toHaveLength(2);
  });

  test.each([
    ["403 in plain text", { status: 403, headers: { "content-type": "text/plain" }, body: "Forbidden MARK" }],
    ["422", { status: 422, body: { error: "unprocessable", error_description: "MARK" } }],
    ["another redirect address", made({ redirect_uris: ["https://other.example/"] })],
    ["no id", { status: 201, body: {} }],
  ])("%s is told with what to do, and without the server's words", async (_, answer) => {
    script({ "/r": answer });
    const error = (await ask().catch((thrown: unknown) => thrown)) as { kind: string; message: string };
    expect(error.kind).toBe("registration-refused");
    expect(error.message).toContain("clientId");
    expect(error.message).not.toContain("MARK");
  });
});
