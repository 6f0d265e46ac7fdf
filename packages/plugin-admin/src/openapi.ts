import { type Json, VERSION } from "mcp-host";
import { BODY_BYTES } from "./body.ts";
import { givenParams, namesIn, type Served } from "./routes.ts";
import { STREAMS } from "./streams.ts";

const PROBLEM = { $ref: "#/components/responses/Problem" };

/** The description of the API as it is now (OpenAPI 3.1). @param base its path */
export function openApiOf(routes: readonly Served[], base: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  for (const [path, { summary, properties }] of Object.entries(STREAMS))
    paths[path] = {
      get: {
        operationId: idOf("get", path),
        summary,
        "x-scope": "read",
        parameters: queryOf(properties, []),
        responses: {
          "200": { description: "Events, each a text of JSON.", content: { "text/event-stream": { schema: { type: "string" } } } },
          default: PROBLEM,
        },
      },
    };
  paths["/whoami"] = {
    get: {
      operationId: "get_whoami",
      summary: "Tells who asks, and what that is good for.",
      "x-scope": "read",
      responses: {
        "200": {
          description: "Who asks.",
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: {
                  who: { type: "string" },
                  scope: { enum: ["read", "operate", "configure"] },
                  allowCommands: { type: "boolean" },
                },
                required: ["who", "scope", "allowCommands"],
              },
            },
          },
        },
        default: PROBLEM,
      },
    },
  };
  paths["/setup"] = {
    post: {
      operationId: "post_setup",
      summary: "Takes the ticket of `mcp-host open --setup`, once and on this machine, for a token that may change everything.",
      "x-scope": "ticket",
      responses: {
        "200": {
          description: "The token, and how long it is good for.",
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: { token: { type: "string" }, seconds: { type: "integer" } },
                required: ["token", "seconds"],
              },
            },
          },
        },
        default: PROBLEM,
      },
    },
  };
  return {
    openapi: "3.1.0",
    info: {
      title: "mcp-host, for operators",
      version: VERSION,
      description: `What can be done to the running host. Each operation says in \`x-scope\` what it needs: \`read\`, \`operate\` or \`configure\`. Bodies have at most ${BODY_BYTES} bytes.`,
    },
    servers: [{ url: base }],
    security: [{ operator: [] }],
    paths,
    components: {
      securitySchemes: { operator: { type: "http", scheme: "bearer" } },
      responses: {
        Problem: {
          description: "Why it was not done (RFC 9457).",
          content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
        },
      },
      schemas: {
        Problem: {
          type: "object",
          properties: { type: { type: "string" }, title: { type: "string" }, status: { type: "integer" }, detail: { type: "string" } },
          required: ["type", "title", "status", "detail"],
        },
      },
    },
  };
}

function operationOf(route: Served): Json {
  const { method, path, info, summary, scope } = route;
  const { properties, required } = givenParams(route);
  const inPath = namesIn(route).map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }));
  const parameters = [...inPath, ...(method === "GET" ? queryOf(route.selection ? {} : properties, required) : [])];
  const hasBody = method === "POST" && (Object.keys(properties).length > 0 || info.params.additionalProperties !== false);
  const body = {
    type: "object",
    properties,
    ...(required.length > 0 && { required }),
    additionalProperties: info.params.additionalProperties ?? {},
  };
  const result = route.selection ? route.selection.schema(info.result) : info.result;
  return {
    operationId: idOf(method.toLowerCase(), path),
    summary: summary ?? info.description ?? info.name,
    "x-scope": scope,
    ...(info.plugin !== undefined && { tags: [info.plugin] }),
    ...(parameters.length > 0 && { parameters }),
    ...(hasBody && {
      requestBody: { required: required.length > 0, content: { "application/json": { schema: resolving(body, info.name, "params") } } },
    }),
    responses: {
      "200": { description: "What it gave.", content: { "application/json": { schema: resolving(result, info.name, "result") } } },
      default: PROBLEM,
    },
  };
}

function queryOf(properties: Readonly<Record<string, Json>>, required: readonly string[]): Json[] {
  return Object.entries(properties).map(([name, schema]) => ({ name, in: "query", required: required.includes(name), schema }));
}

function idOf(method: string, path: string): string {
  return `${method}${path.replace(/[^A-Za-z0-9]+/g, "_").replace(/_$/, "")}`;
}

/** A schema that refers to parts of itself is one of its own: in the document `#` would be the document. */
function resolving(schema: Json, operation: string, part: string): Json {
  return JSON.stringify(schema).includes('"$ref"')
    ? { $id: `urn:mcp-host:operation:${encodeURIComponent(operation)}:${part}`, ...schema }
    : schema;
}
