/** A page of few words, without scripts, which nobody keeps and no other page is told of. */
export interface Page {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}a{display:inline-block;padding:.5rem 1rem;border:1px solid;border-radius:.3rem}";

/** @param link to go on by: its address and its words */
export function page(status: number, title: string, text: string, link?: { readonly href: string; readonly words: string }): Page {
  const way = link === undefined ? "" : `<p><a href="${escaped(link.href)}">${escaped(link.words)}</a></p>`;
  return {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
      "x-content-type-options": "nosniff",
    },
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(title)}</title><style>${STYLE}</style><h1>${escaped(title)}</h1><p>${escaped(text)}</p>${way}</html>\n`,
  };
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string); // all of them are there
}
