/** Columns of a terminal that nobody made wider. */
export const COLUMNS = 80;

/** Columns of the terminal that standard output is; into a pipe as many as usual. */
export function columns(): number {
  return Math.max(COLUMNS, process.stdout.columns || 0);
}

/** A text in lines of at most so many columns, broken at blanks; a word that is longer than a line stays whole. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const given of text.split("\n")) {
    let line = "";
    for (const word of given.split(" ")) {
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines;
}

/** The same, every line but the first indented. */
export function hanging(text: string, indent: number, width = columns()): string {
  return wrapped(text, width - indent).join(`\n${" ".repeat(indent)}`);
}
