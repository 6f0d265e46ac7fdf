import { type Fields, isFields, type Node, Raw, written } from "./json.ts";

/** Fewer rows are no table. */
const ROWS = 3;
/** More columns would be mostly empty. */
const COLUMNS = 64;
/** The share of cells that must have something in them. */
const FULL = 0.6;
/** Objects within rows are columns of their own this deep. */
const WITHIN = 4;

const BETWEEN = "|";

/** A row by its columns; what is missing is not there. */
type Row = ReadonlyMap<string, Node>;

/** A list of objects that are alike. */
export interface Table {
  /** What every row has, by column. */
  readonly constant: readonly (readonly [column: string, value: Node])[];
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** A list as a table; undefined where it is none. */
export function tableOf(value: Node): Table | undefined {
  if (!Array.isArray(value) || value.length < ROWS) return undefined;
  const list: readonly Node[] = value;
  if (!list.every((each) => isFields(each))) return undefined;
  const rows = flattened(list as readonly Fields[]); // seen above
  const columns = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  if (columns.length === 0 || columns.length > COLUMNS) return undefined;
  const cells = rows.reduce((sum, row) => sum + row.size, 0);
  if (cells < FULL * rows.length * columns.length) return undefined;
  const [first] = rows as [Row];
  const isConstant = (column: string): boolean => {
    const value = first.get(column);
    if (value === undefined) return false;
    const text = written(value);
    return rows.every((row) => {
      const own = row.get(column);
      return own !== undefined && written(own) === text;
    });
  };
  const same = new Set(columns.filter(isConstant));
  // A table has a column at least.
  const constant = same.size === columns.length ? [] : columns.filter((column) => same.has(column));
  return {
    constant: constant.map((column) => [column, first.get(column) as Node]), // every row has it
    columns: columns.filter((column) => !constant.includes(column)),
    rows,
  };
}

/** The rows by column. An object that every row has becomes a column for each of its fields. */
function flattened(list: readonly Fields[]): Row[] {
  let rows: Row[] = list.map((fields) => new Map(Object.entries(fields).map(([key, value]) => [segment(key), value])));
  for (let depth = 0; depth < WITHIN; depth++) {
    const nested = new Set([...(rows[0]?.keys() ?? [])].filter((column) => rows.every((row) => hasFields(row.get(column)))));
    if (nested.size === 0) return rows;
    rows = rows.map(
      (row) =>
        new Map(
          [...row].flatMap(([column, value]): [string, Node][] =>
            nested.has(column) && isFields(value)
              ? Object.entries(value).map(([key, each]) => [`${column}.${segment(key)}`, each])
              : [[column, value]],
          ),
        ),
    );
  }
  return rows;
}

/** One that is empty would not be seen to be there. */
function hasFields(value: Node | undefined): boolean {
  return isFields(value) && Object.keys(value).length > 0;
}

/** A key as a part of a column's name: as it is where that can be nothing else. */
function segment(key: string): string {
  return /^[\p{L}_$@][\p{L}\p{N}_$@ -]*$/u.test(key) && !key.endsWith(" ") ? key : JSON.stringify(key).replaceAll(BETWEEN, "\\u007c");
}

/** What no cell that is a text without quotes may look like: other JSON, or a reference. */
function isBare(text: string): boolean {
  if (text === "true" || text === "false" || text === "null") return false;
  // Quotes, brackets and references begin what is no bare text; blanks at an end would be lost.
  return /^[^\s"[{<|\p{C}][^|\p{C}]*$/u.test(text) && !/\s$/.test(text) && Number.isNaN(Number(text));
}

function cell(value: Node | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string") return isBare(value) ? value : JSON.stringify(value).replaceAll(BETWEEN, "\\u007c");
  return value instanceof Raw ? value.text : written(value).replaceAll(BETWEEN, "\\u007c"); // only its texts and keys can hold one
}

/** The table as text: how many rows, what all have, the columns, and a line for each row. */
export function tableText(name: string, { constant, columns, rows }: Table): string {
  const all = constant.map(([column, value]) => `${column}=${cell(value)}`).join(BETWEEN);
  return [
    `${name} ${rows.length} rows${all === "" ? "" : `; each has ${all}`}`,
    columns.join(BETWEEN),
    ...rows.map((row) => columns.map((column) => cell(row.get(column))).join(BETWEEN)),
  ].join("\n");
}
