import { SAFE } from "./problem.ts";

/** Nothing but the page's own files, and nothing that becomes code or markup. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const MARKUP = (base: string): string => `<!doctype html>
<html lang="en" data-base="${base}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mcp-host, for operators</title>
<link rel="stylesheet" href="${base}/docs/page.css">
<script type="module" src="${base}/docs/page.js"></script>
</head>
<body>
<h1>mcp-host, for operators</h1>
<p><label>Token <input id="token" type="password" autocomplete="off" spellcheck="false"></label> <button id="load" type="button">Load</button> <span id="state" role="status"></span></p>
<main id="operations"></main>
</body>
</html>
`;

const STYLE = `:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 1rem auto; padding: 0 1rem; }
details { border: 1px solid #8886; border-radius: 6px; margin: .4rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
label { display: block; margin: .4rem 0; }
input, textarea { font: inherit; width: 100%; box-sizing: border-box; }
#token { width: 22rem; max-width: 100%; }
textarea, pre { font-family: ui-monospace, monospace; }
pre { overflow: auto; max-height: 24rem; border-top: 1px solid #8886; padding-top: .4rem; }
.scope { opacity: .7; }
`;

/** The page's own code; the token is kept in its field, and nowhere else. */
const SCRIPT = `const base = document.documentElement.dataset.base;
const $ = (id) => document.getElementById(id);
const make = (tag, text, parent) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
};
const headers = () => ($("token").value === "" ? {} : { authorization: "Bearer " + $("token").value });

async function load() {
  $("state").textContent = "loading";
  try {
    const response = await fetch(base + "/openapi.json", { headers: headers() });
    const document_ = await response.json();
    if (!response.ok) throw new Error(document_.detail);
    $("operations").replaceChildren();
    for (const [path, methods] of Object.entries(document_.paths))
      for (const [method, operation] of Object.entries(methods)) show(path, method.toUpperCase(), operation);
    $("state").textContent = document_.info.title + " " + document_.info.version;
  } catch (error) {
    $("state").textContent = error.message;
  }
}

function show(path, method, operation) {
  const box = make("details", undefined, $("operations"));
  make("summary", method + " " + path, box);
  make("p", operation.summary, box);
  make("p", "scope: " + operation["x-scope"], box).className = "scope";
  const fields = (operation.parameters ?? []).map((parameter) => {
    const label = make("label", parameter.name + (parameter.required ? " (required)" : ""), box);
    return { parameter, input: make("input", undefined, label) };
  });
  let body;
  if (operation.requestBody) {
    const label = make("label", "body", box);
    body = make("textarea", undefined, label);
    body.rows = 4;
    body.value = "{}";
    const schema = make("pre", JSON.stringify(operation.requestBody.content["application/json"].schema, null, 2), box);
    schema.setAttribute("aria-label", "schema of the body");
  }
  const send = make("button", "Send", box);
  send.type = "button";
  const result = make("pre", undefined, box);
  send.addEventListener("click", async () => {
    let at = path;
    const query = new URLSearchParams();
    for (const { parameter, input } of fields) {
      if (parameter.in === "path") at = at.replace("{" + parameter.name + "}", encodeURIComponent(input.value));
      else if (input.value !== "") query.set(parameter.name, input.value);
    }
    result.textContent = "...";
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 40_000);
    try {
      const url = base + at + (query.size > 0 ? "?" + query : "");
      const response = await fetch(url, {
        method,
        signal: abort.signal,
        headers: { ...headers(), ...(body && { "content-type": "application/json" }) },
        ...(body && { body: body.value }),
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done || text.length > 1_000_000) break;
        text += value;
        result.textContent = response.status + "\\n" + text;
      }
      const isJson = /json/.test(response.headers.get("content-type") ?? "");
      result.textContent = response.status + "\\n" + (isJson ? JSON.stringify(JSON.parse(text), null, 2) : text);
    } catch (error) {
      result.textContent += "\\n" + error.message;
    }
  });
}

async function setUp() {
  const ticket = new URLSearchParams(location.hash.slice(1)).get("setup");
  if (ticket === null) return;
  history.replaceState(null, "", location.pathname);
  try {
    const response = await fetch(base + "/setup", { method: "POST", headers: { authorization: "Bearer " + ticket } });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail);
    $("token").value = answer.token;
  } catch (error) {
    $("state").textContent = error.message;
    return true;
  }
}

$("load").addEventListener("click", load);
if (!(await setUp())) load();
`;

/** A file of the page on which the API can be tried; undefined for a path that is none of its. @param below the API's path @param base the API's path, of harmless letters */
export function docsPage(below: string, base: string): Response | undefined {
  const file = (
    {
      "/docs": ["text/html", MARKUP(base)],
      "/docs/": ["text/html", MARKUP(base)],
      "/docs/page.css": ["text/css", STYLE],
      "/docs/page.js": ["text/javascript", SCRIPT],
    } as Record<string, [string, string]>
  )[below]; // any other path has none
  if (!file) return undefined;
  const [type, text] = file;
  return new Response(text, { headers: { ...SAFE, "content-type": `${type}; charset=utf-8`, "content-security-policy": POLICY } });
}
