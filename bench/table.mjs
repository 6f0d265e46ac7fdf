/** A Markdown table whose columns line up: text to the left, numbers to the right. */
export function table({ head, rows }) {
  const cells = [head, ...rows].map((row) => row.map((cell) => String(cell).replaceAll("|", "\\|")));
  const widths = head.map((_, i) => Math.max(3, ...cells.map((row) => [...row[i]].length)));
  const numeric = head.map(
    (_, i) => rows.length > 0 && rows.every((row) => /^(|–|-?[\d.,]+)$/.test(row[i])) && rows.some((row) => row[i] !== ""),
  );
  const pad = (text, i) => {
    const space = " ".repeat(widths[i] - [...text].length);
    return numeric[i] ? space + text : text + space;
  };
  const line = (row) => `| ${row.map(pad).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (numeric[i] ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`;
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join("\n");
}
