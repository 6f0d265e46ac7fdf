// Paths to look at a host and to manage it, for any Node server: `app.use(management(host, …))` in Express, or as in backend.mjs.

const BASE = "/api/mcp";

/**
 * Makes a request handler of seven paths below `/api/mcp`. All answer JSON; an error is `{ "error": "…" }`.
 *
 * | path | answers |
 * | --- | --- |
 * | `GET /mode` | `{ mode }`: `single` or `multi` |
 * | `GET /servers` | each server: how it is and why, its figures, its tools |
 * | `GET /stats` | figures of the host |
 * | `GET /health` | how the host is; 503 while it is down |
 * | `POST /reload` | reads the config anew, and what that changed |
 * | `POST /server/:name/reconnect` | ends the server's connections and connects anew |
 * | `DELETE /cache` | drops what `@host/plugin-cache` keeps, and how much that was |
 *
 * @param host the MCP host
 * @param guard lets a request in and gives its principal: `host.guard(…)`, which checks Host, Origin and who it is
 * @param isOperator `(principal, path) => boolean`: whether they may do this. There is no default: who manages the host is for you to say
 * @returns `(request, response, next)`, which leaves every other path to `next`
 */
export function management(host, { guard, isOperator }) {
  if (typeof guard !== "function" || typeof isOperator !== "function") throw new TypeError("management() needs a guard, and isOperator");
  return (request, response, next) => {
    // Express takes the path of a mount out of `url`.
    const [path] = (request.originalUrl ?? request.url).split("?", 1);
    if (path !== BASE && !path.startsWith(`${BASE}/`)) return next();
    manage(host, { guard, isOperator }, request, path.slice(BASE.length)).then(
      ({ status = 200, body }) => reply(response, status, body),
      (error) => {
        const { status, message, headers } = refusalOf(error);
        reply(response, status, { error: message }, headers);
      },
    );
  };
}

async function manage(host, { guard, isOperator }, request, path) {
  const principal = await guard(request);
  if (!isOperator(principal, path)) throw refused(403, "managing the host is for its operators");
  const who = `chat:${principal.id}`; // for the `operated` hook: an audit log tells it from others' deeds
  const [, route, name] = /^(\/server\/)([^/]+)\/reconnect$/.exec(path) ?? [undefined, path];
  const method = METHODS[route];
  if (!method) throw refused(404, "there is nothing here");
  if (request.method !== method) throw refused(405, `this is for ${method}`, { allow: method });
  switch (route) {
    case "/mode":
      return { body: { mode: host.mode() } };
    case "/servers":
      return { body: { servers: serversOf(host) } };
    case "/stats":
      return { body: host.stats() };
    case "/health": {
      const health = host.health();
      return { status: health.status === "down" ? 503 : 200, body: health };
    }
    case "/reload":
      return { body: await host.operator.run("reload", {}, who) };
    case "/cache": {
      const kept = host.operator.list().some((operation) => operation.name === "cache:clear");
      if (!kept) throw refused(404, "nothing is kept: the host has no @host/plugin-cache");
      return { body: await host.operator.run("cache:clear", { pattern: "*" }, who) };
    }
    default: {
      const upstream = host.health().upstreams.find((each) => each.name === decoded(name));
      if (!upstream) throw refused(404, "there is no such server");
      await host.operator.run("reconnect", { upstream: upstream.name }, who);
      return { body: { server: serversOf(host).find((each) => each.name === upstream.name) } };
    }
  }
}

const METHODS = {
  __proto__: null, // paths are asked for by name
  "/mode": "GET",
  "/servers": "GET",
  "/stats": "GET",
  "/health": "GET",
  "/reload": "POST",
  "/cache": "DELETE",
  "/server/": "POST",
};

/** How each server is, its figures, and the names of its tools. */
function serversOf(host) {
  const { tools } = host.status();
  const figures = new Map(host.stats().upstreams.map((each) => [each.name, each]));
  return host.health().upstreams.map((server) => ({
    ...figures.get(server.name),
    ...server,
    tools: tools.filter(({ upstream }) => upstream === server.name).map(({ name }) => name),
  }));
}

function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

function refused(status, message, headers = {}) {
  return Object.assign(new Error(message), { status, headers });
}

/** What is refused says its status, and a config that is wrong what is wrong with it. The rest is a server that does not come up. */
function refusalOf({ name, status, message, headers }) {
  return { status: status ?? (name === "ConfigError" || name === "ConfigFileError" ? 422 : 502), message, headers };
}

function reply(response, status, body, headers = {}) {
  if (response.destroyed) return;
  const fixed = { "content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff" };
  response.writeHead(status, { ...headers, ...fixed });
  response.end(JSON.stringify(body));
}
