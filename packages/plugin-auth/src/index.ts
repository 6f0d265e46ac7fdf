import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CALLER_TOKENS, ConfigError, definePlugin, matcher, type PluginHost, registerSecret } from "mcp-host";
import type { z } from "zod";
import { headOf } from "./claims.ts";
import { Gate } from "./gate.ts";
import { HeldTokens } from "./held-tokens.ts";
import { ApiKeys, readKeys } from "./keys.ts";
import { offerKeys } from "./operations.ts";
import { type Options, options } from "./options.ts";
import { isPersonal, Outbound } from "./outbound.ts";
import { Policy } from "./policy.ts";
import { ProtectedResource } from "./resource.ts";
import { namedServers, warnOfGlobs } from "./servers.ts";
import { Issuer } from "./tokens.ts";
import { KeyUses } from "./uses.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type AuthOptions = z.input<typeof options>;

/** Says who clients are, what they may see and use, and as whom the host speaks to its servers. */
export const auth = definePlugin({
  name: "auth",
  version,
  host: "^1.0.0",
  security: true,
  options,
  commands: {
    "new-key": () => import("./commands/new-key.ts"),
    "keys add": () => import("./commands/keys-add.ts"),
    "keys list": () => import("./commands/keys-list.ts"),
    "keys rotate": () => import("./commands/keys-rotate.ts"),
    "keys revoke": () => import("./commands/keys-revoke.ts"),
  },
  keeps: ({ apiKeys }, { folder }) => (apiKeys?.file === undefined ? [] : [{ what: "API keys", path: resolve(folder, apiKeys.file) }]),
  apply(host, given) {
    const { hooks, log, meter } = host;
    if (host.config.listen && !given.apiKeys && given.jwt.length === 0 && !given.anonymous)
      throw new ConfigError([
        'plugin "auth": options: clients come over HTTP and nothing says who they are; configure apiKeys or jwt, or give anonymous its roles',
      ]);

    host.reload.expectUpstreams(...namedServers(given));
    warnOfGlobs(
      given,
      host.upstreams.map(({ key }) => key),
      log,
    );

    const fetches = meter.counter({ name: "auth.jwks.fetches", description: "Fetches of an issuer's keys", labels: ["issuer", "result"] });
    const requests = meter.counter({
      name: "auth.requests",
      description: "HTTP requests by method and result",
      labels: ["method", "result"],
    });
    const tokens = meter.counter({ name: "auth.tokens", description: "Tokens asked for upstreams", labels: ["upstream", "result"] });

    const resource =
      given.resource &&
      new ProtectedResource(
        given.resource,
        given.jwt.map(({ issuer }) => issuer),
      );
    const keys = given.apiKeys && apiKeysOf(given.apiKeys, host);
    const uses = keys && new KeyUses(host, (reason) => log.warn("the store does not take when a key was last used", { reason }));
    const context = {
      resource: given.resource?.url,
      claims: keptClaims(given),
      implies: given.scopes.implies,
      fetched: (issuer: string, error: Error | undefined) => {
        fetches.add(1, issuer, error ? "error" : "ok");
        if (error) log.warn("the keys of an issuer could not be fetched", { issuer, reason: error.message });
      },
    };
    const issuers = new Map(given.jwt.map((one) => [one.issuer, new Issuer(one, context)]));
    const anonymous = given.anonymous && Object.freeze({ id: "anonymous", roles: given.anonymous });
    const held = new HeldTokens();
    // A second copy of the plugin has no clients of its own that the first one let through.
    if (issuers.size > 0 && !host.find(CALLER_TOKENS)) host.provide(CALLER_TOKENS, held);
    const gate = new Gate({
      keys,
      issuers,
      resource,
      anonymous,
      required: given.scopes.required,
      requests,
      used: uses && ((id, address) => uses.note(id, address)),
      came: (...token) => held.note(...token),
    });
    const policy = new Policy(given.rules, given.default, log);
    const outbound = new Outbound(given.credentials, { upstreams: host.upstreams, log, tokens });

    const isolated = matcher(given.isolate);
    for (const { key } of host.upstreams) {
      const credential = given.credentials[key];
      const personal = credential !== undefined && isPersonal(credential);
      if (personal || isolated({ name: key, upstream: key, native: key })) host.isolate(key, "principal");
    }

    hooks.authenticate.tap("auth", (request) => gate.identify(request));
    hooks.permit.tap("auth", (entry, { principal }, exchange) => policy.refusal(entry, principal, exchange));
    if (outbound.size > 0) hooks.credentials.tap("auth", (credentials, request) => outbound.give(credentials, request));
    if (resource)
      hooks.http.tap("auth", (_, publicApp) => {
        for (const path of resource.paths) publicApp.get(path, (c) => c.json(resource.metadata));
      });
    if (keys && uses && given.apiKeys) {
      hooks.ready.tap("auth", async () => {
        await uses
          .look(keys.ids)
          .catch((error: Error) => log.warn("the store does not say when keys were last used", { reason: error.message }));
      });
      offerKeys(host, given.apiKeys, uses);
    }
    hooks.close.tap("auth", async () => {
      gate.forget();
      held.clear();
      outbound.close();
      await uses?.close();
    });

    host.operator.report(() => ({
      keys: keys?.size ?? 0,
      ...(uses && { used: uses.told() }),
      issuers: [...issuers.values()].map(({ name, keys }) => ({
        name,
        keysFetched: keys.fetchedAt ? new Date(keys.fetchedAt).toISOString() : null,
      })),
      rules: given.rules.length,
      default: given.default,
      remembered: gate.remembered,
      outbound: Object.fromEntries(Object.entries(given.credentials).map(([key, { from }]) => [key, from])),
    }));
  },
});

function apiKeysOf({ pepper, keys, file }: NonNullable<Options["apiKeys"]>, host: PluginHost): ApiKeys {
  registerSecret(pepper);
  if (file !== undefined) host.reload.dependsOn(resolve(host.folder, file));
  const all = file === undefined ? keys : [...keys, ...readKeys(file, host.folder)];
  const twice = all.find(({ id }, index) => all.findIndex((other) => other.id === id) !== index);
  if (twice) throw new ConfigError([`plugin "auth": options.apiKeys: there are two keys with the id "${twice.id}"`]);
  return new ApiKeys(pepper, all);
}

/** The claims that a session knows. It is bound to their values, so that none of them is ever out of date. */
function keptClaims({ claims, rules, credentials }: Options): string[] {
  return [
    ...new Set([
      ...claims,
      ...rules.flatMap(({ when }) => when?.claims ?? []),
      ...Object.values(credentials).flatMap((credential) => (credential.from === "claim" ? [headOf(credential.claim)] : [])),
    ]),
  ].sort();
}

export default auth;
