// Reads the short form as its first line says that it is to be read, without anything of what writes it.

const MARK = /^\[JSON in short form by the host, nothing left out\./;

/** What JSON.parse would have given, numbers as text. */
export function meaning(json: string): unknown {
  return JSON.parse(numbersAsText(json));
}

/** Numbers keep their digits: `1.0` and `1` are two. */
function numbersAsText(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) => (token.startsWith('"') ? token : `{"number":"${token}"}`));
}

type Names = ReadonlyMap<string, unknown>;

const NAME = "name of the short form: ";

/** JSON with `<names>` in it. */
function json(text: string, names: Names): unknown {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|<(?:table|same) \d+>/g, (token) => (token.startsWith("<") ? `"${NAME}${token}"` : token));
  const put = (value: unknown): unknown => {
    if (typeof value === "string") return value.startsWith(NAME) ? named(value.slice(NAME.length), names) : value;
    if (Array.isArray(value)) return value.map(put);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, put(each)]));
  };
  return put(meaning(marked));
}

function named(name: string, names: Names): unknown {
  if (!names.has(name)) throw new Error(`${name} is not below`);
  return names.get(name);
}

function cell(text: string, names: Names): unknown {
  if (/^(?:["[{<]|true$|false$|null$)/.test(text)) return json(text, names);
  return Number.isNaN(Number(text)) ? text : json(text, names);
}

function columnPath(column: string): string[] {
  return [...column.matchAll(/"(?:[^"\\]|\\.)*"|[^.]+/g)].map(([part]) => (part.startsWith('"') ? JSON.parse(part) : part));
}

function put(row: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = row;
  for (const key of path.slice(0, -1)) {
    if (!Object.hasOwn(at, key)) Object.defineProperty(at, key, { value: {}, enumerable: true, writable: true, configurable: true });
    at = at[key] as Record<string, unknown>;
  }
  Object.defineProperty(at, path.at(-1) as string, { value, enumerable: true, writable: true, configurable: true });
}

/** The value that a text in short form says. */
export function read(text: string): unknown {
  const lines = text.split("\n");
  if (!MARK.test(lines[0] ?? "")) throw new Error("it does not say that it is short");
  const names = new Map<string, unknown>();
  for (const line of lines.filter((each) => /^<same \d+> ./.test(each))) {
    const [, name = "", value = ""] = /^(<same \d+>) (.*)$/s.exec(line) ?? [];
    names.set(name, json(value, names));
  }
  const heads = lines.flatMap((line, at) => (/^<table \d+> \d+ rows/.test(line) ? [at] : []));
  for (const at of heads) {
    const [, name = "", count = "", all] = /^(<table \d+>) (\d+) rows(?:; each has (.*))?$/s.exec(lines[at] ?? "") ?? [];
    const columns = (lines[at + 1] ?? "").split("|");
    const constant = all === undefined ? [] : all.split("|").map((each) => /^((?:"(?:[^"\\]|\\.)*"|[^="])+)=(.*)$/s.exec(each) ?? []);
    const rows = lines.slice(at + 2, at + 2 + Number(count)).map((line) => {
      const row: Record<string, unknown> = {};
      for (const [, column = "", value = ""] of constant) put(row, columnPath(column), cell(value, names));
      line.split("|").forEach((each, index) => {
        if (each !== "") put(row, columnPath(columns[index] as string), cell(each, names));
      });
      return row;
    });
    names.set(name, rows);
  }
  const body = lines[1] ?? "";
  return heads[0] === 1 ? names.get("<table 1>") : json(body, names);
}
