// A small SVG writer: grouped bars and lines, enough for the pages of this repository.
const WIDTH = 760;
const HEIGHT = 300;
const BOX = { left: 56, right: 12, top: 58, bottom: 34 };
const COLOURS = ["#8c8c8c", "#4e79a7", "#59a14f", "#f28e2b", "#b07aa1"];

const escaped = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const text = (x, y, content, anchor = "middle", size = 11) =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}">${escaped(content)}</text>`;

/** A round number a little above `highest`, and how far apart the lines of a grid up to it are. */
function scale(highest) {
  const step = 10 ** Math.floor(Math.log10(highest || 1)) / 2;
  const apart = [1, 2, 4].map((factor) => factor * step).find((each) => highest / each <= 6) ?? step * 4;
  return { top: Math.ceil((highest * 1.02) / apart) * apart, apart };
}

/** The frame of a plot: title, grid, legend. Gives the function from a value to its height on the page. */
function frame(title, names, highest) {
  const { top, apart } = scale(highest);
  const y = (value) => HEIGHT - BOX.bottom - (value / top) * (HEIGHT - BOX.top - BOX.bottom);
  const parts = [`<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`, text(BOX.left, 20, title, "start", 14)];
  for (let at = 0; at <= top + apart / 2; at += apart) {
    parts.push(`<line x1="${BOX.left}" x2="${WIDTH - BOX.right}" y1="${y(at).toFixed(1)}" y2="${y(at).toFixed(1)}" stroke="#e0e0e0"/>`);
    parts.push(text(BOX.left - 6, y(at) + 4, Number(at.toPrecision(3)), "end"));
  }
  let x = BOX.left;
  for (const [i, name] of names.entries()) {
    parts.push(`<rect x="${x}" y="32" width="11" height="11" fill="${COLOURS[i % COLOURS.length]}"/>`, text(x + 16, 42, name, "start"));
    x += 34 + name.length * 6.4;
  }
  return { y, parts };
}

function svg(parts) {
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" fill="#222222">`;
  return `${[open, ...parts, "</svg>"].join("\n")}\n`;
}

/** Groups of bars: `series` is [{ name, values: one per group }]. What is missing has no bar. */
export function bars(title, groups, series) {
  const { y, parts } = frame(
    title,
    series.map(({ name }) => name),
    Math.max(...series.flatMap(({ values }) => values.filter(Number.isFinite))),
  );
  const room = (WIDTH - BOX.left - BOX.right) / groups.length;
  const width = (room * 0.84) / series.length;
  for (const [g, group] of groups.entries()) {
    const from = BOX.left + room * (g + 0.08);
    parts.push(text(from + room * 0.42, HEIGHT - 12, group));
    for (const [i, { values }] of series.entries()) {
      if (!Number.isFinite(values[g])) continue;
      const [x, top] = [from + i * width, y(values[g])];
      const size = `width="${(width - 3).toFixed(1)}" height="${(y(0) - top).toFixed(1)}"`;
      parts.push(`<rect x="${x.toFixed(1)}" y="${top.toFixed(1)}" ${size} fill="${COLOURS[i % COLOURS.length]}"/>`);
      parts.push(text(x + width / 2 - 1, top - 4, Number(values[g].toPrecision(3)), "middle", 9));
    }
  }
  return svg(parts);
}

/** Lines over evenly spaced points: `series` is [{ name, values: one per point, labels: one per point }]. */
export function lines(title, points, series) {
  const { y, parts } = frame(
    title,
    series.map(({ name }) => name),
    Math.max(...series.flatMap(({ values }) => values.filter(Number.isFinite))),
  );
  const room = (WIDTH - BOX.left - BOX.right) / points.length;
  const x = (i) => BOX.left + room * (i + 0.5);
  for (const [i, point] of points.entries()) parts.push(text(x(i), HEIGHT - 12, point));
  for (const [s, { values }] of series.entries()) {
    const colour = COLOURS[s % COLOURS.length];
    const path = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [i, value] of values.entries())
      parts.push(`<circle cx="${x(i).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3" fill="${colour}"/>`);
  }
  return svg(parts);
}
