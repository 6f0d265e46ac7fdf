import { z } from "zod";

/** A list of values that are compared with what browsers and other clients send: each is brought to the form that they write. */
function written(form: (text: string) => string) {
  const value = z.string().transform((text, context) => {
    try {
      return form(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message }); // both forms throw nothing else
      return z.NEVER;
    }
  });
  return z.array(value);
}

/** Values of the Host header: names with a port where it is not the default one. */
export const hostNames = written(hostName);

/** Values of the Origin header: a scheme and a host, with a port where it is not the default one. */
export const webOrigins = written(webOrigin);

function hostName(text: string): string {
  if (text.includes("*")) throw new Error(`"${text}" would match no Host header; name each host`);
  const url = parsed(`http://${text.replace(/^[a-z][a-z\d+.-]*:\/\//i, "")}`);
  if (!url) {
    const isAddress = parsed(`http://[${text}]`) !== undefined;
    throw new Error(isAddress ? `write "[${text}]", with brackets` : `"${text}" is no host; write it like "mcp.example.com"`);
  }
  const name = url.host.replace(/:443$/, ""); // the URL has left out port 80
  if (!isBare(url) || text.includes("://")) throw new Error(`"${text}" is a URL; write "${name}"`);
  return name;
}

function webOrigin(text: string): string {
  if (text.includes("*")) throw new Error(`"${text}" would match no Origin header; name each origin`);
  if (text === "null") throw new Error('"null" is the origin of many pages, such as those in sandboxed frames; serve the page over HTTP');
  const [, scheme] = /^([a-z][a-z\d+.-]*):\/\/[^/?#@\s]*\/?$/i.exec(text) ?? [];
  // Of other schemes (chrome-extension, tauri) URL knows no origin.
  if (scheme && !/^(http|ws)s?$/i.test(scheme)) return text.replace(/\/$/, "").toLowerCase();
  const url = parsed(text.includes("://") ? text.replace(/^ws/i, "http") : `https://${text}`);
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error(`"${text}" is no web origin; write it like "https://app.example.com"`);
  if (!scheme || /^ws/i.test(scheme)) throw new Error(`"${text}" is no web origin; write "${url.origin}"`);
  return url.origin;
}

function parsed(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function isBare({ username, password, pathname, search, hash }: URL): boolean {
  return username === "" && password === "" && pathname === "/" && search === "" && hash === "";
}
