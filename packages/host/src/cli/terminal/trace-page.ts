import { createHash } from "node:crypto";
import { escapeControls } from "../../log.ts";
import type { TraceNode, TraceRecord } from "../../operator/trace-record.ts";
import { counted, countedAre } from "../../wire/counted.ts";
import { deedsOf, labelOf, timeText, titleOf, toneOf } from "./trace-words.ts";

const STYLE = `
:root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.2rem; }
summary { cursor: pointer; padding: .25rem 0; }
summary span { margin-right: 1rem; }
time, .id, .ms { color: GrayText; font-variant-numeric: tabular-nums; }
ul { list-style: none; margin: 0; padding-left: 1.25rem; border-left: 1px solid color-mix(in srgb, GrayText 40%, transparent); }
li > div { display: grid; grid-template-columns: minmax(8rem, 1fr) 10rem 5rem 3fr; gap: 1rem; align-items: baseline; }
svg { width: 10rem; height: .6rem; background: color-mix(in srgb, GrayText 15%, transparent); }
rect { fill: currentColor; }
.ms { text-align: right; }
.deed { overflow-wrap: anywhere; white-space: pre-wrap; font-family: ui-monospace, monospace; }
.bad { color: light-dark(#b00020, #ff8a80); }
.notable { color: light-dark(#8a5a00, #ffd180); }
`;

/** Only this style, and nothing from anywhere: a page of strangers' words runs and loads nothing. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'`;

/** One page of requests, which needs nothing else. @param dropped requests before them that are not in it */
export function tracePage(records: readonly TraceRecord[], dropped: number): string {
  const lost = dropped > 0 ? `<p>${counted(dropped, "request")} before these ${dropped === 1 ? "is" : "are"} not here.</p>` : "";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width">
<title>mcp-host trace</title>
<style>${STYLE}</style>
</head>
<body>
<h1>mcp-host trace: ${counted(records.length, "request")}</h1>
${lost}${records.map(requestOf).join("\n")}
</body>
</html>
`;
}

function requestOf(record: TraceRecord): string {
  const { time, principal, client, outcome, ms, id, spans, leftOut } = record;
  const title = `<time>${html(time)}</time> <strong>${html(titleOf(record))}</strong>`;
  const facts = [
    `<span>${title}</span>`,
    `<span>${html(principal)} (${html(client)})</span>`,
    `<span class="${toneOf(record)}">${html(outcome)}</span>`,
    `<span>${timeText(ms)}</span>`,
    `<span class="id">${html(id)}</span>`,
  ];
  const rest = leftOut === undefined ? "" : `<p>${countedAre(leftOut, "part")} left out.</p>`;
  return `<details><summary>${facts.join("")}</summary>${listOf(spans, ms)}${rest}</details>`;
}

function listOf(spans: readonly TraceNode[] | undefined, whole: number): string {
  return spans?.length ? `<ul>${spans.map((node) => partOf(node, whole)).join("")}</ul>` : "";
}

function partOf(node: TraceNode, whole: number): string {
  const { tone, lines } = deedsOf(node);
  const share = (ms: number): string => (whole > 0 ? (Math.min(ms, whole) / whole) * 100 : 0).toFixed(2);
  const bar = `<svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect x="${share(node.at)}" width="${share(node.ms ?? whole - node.at)}" height="1"/></svg>`;
  const deed = `<span class="deed ${tone}">${html(lines.join("\n"))}</span>`;
  return `<li><div><span>${html(labelOf(node))}</span>${bar}<span class="ms">${timeText(node.ms)}</span>${deed}</div>${listOf(node.spans, whole)}</li>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text for a page: of strangers, who may write markup and what turns the direction of writing. */
function html(text: string): string {
  return escapeControls(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
