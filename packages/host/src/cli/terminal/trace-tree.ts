import { escapeControls } from "../../log.ts";
import type { TraceNode, TraceRecord } from "../../operator/trace-record.ts";
import { countedAre } from "../../wire/counted.ts";
import { painter, type Style } from "./colours.ts";
import { deedsOf, labelOf, type Tone, timeText, titleOf, toneOf } from "./trace-words.ts";

const STYLES: Readonly<Record<Tone, Style | undefined>> = { bad: "red", notable: "yellow", plain: undefined };

/** A line of the tree: its branches and label, how long it took, and what happened. */
interface Line {
  readonly label: string;
  readonly time: string;
  readonly deed: string;
  readonly tone: Tone;
}

/** One request as a tree for people, with its colours where the stream has any; ends with a line break. */
export function traceTree(record: TraceRecord, stream: NodeJS.WriteStream): string {
  const colours = painter(stream);
  const paint = (style: Style | undefined, text: string): string => (style && text !== "" ? colours(style, text) : text);
  const lines = record.spans.flatMap((node, index) => linesOf(node, "", index === record.spans.length - 1));
  const width = Math.max(0, ...lines.map(({ label }) => label.length));
  const times = Math.max(0, ...lines.map(({ time }) => time.length));
  const { time, principal, outcome, ms, id, leftOut } = record;
  const tone = toneOf(record);
  const head = [
    paint("dim", time.slice(11, 23)),
    paint("bold", shown(titleOf(record))),
    shown(principal),
    paint(tone === "plain" ? "green" : STYLES[tone], shown(outcome)),
    timeText(ms),
    paint("dim", shown(id)),
  ].join("  ");
  const body = lines.map(({ label, time: took, deed, tone: how }) =>
    `${label.padEnd(width)}  ${paint("dim", took.padStart(times))}  ${paint(STYLES[how], deed)}`.trimEnd(),
  );
  const rest = leftOut === undefined ? [] : [`${countedAre(leftOut, "part")} left out`];
  return `${[head, ...body, ...rest].join("\n")}\n`;
}

function linesOf(node: TraceNode, before: string, isLast: boolean): Line[] {
  const { spans = [], ms } = node;
  const { tone, lines } = deedsOf(node);
  const [deed = "", ...more] = lines.map(shown);
  const within = `${before}${isLast ? "   " : "│  "}`;
  return [
    { label: `${before}${isLast ? "└─ " : "├─ "}${shown(labelOf(node))}`, time: timeText(ms), deed, tone },
    ...more.map((line) => ({ label: spans.length > 0 ? `${within}│` : within, time: "", deed: line, tone })),
    ...spans.flatMap((each, index) => linesOf(each, within, index === spans.length - 1)),
  ];
}

/** In one line, and without what steers a terminal: names are chosen by clients and servers. */
function shown(text: string): string {
  return escapeControls(text.replaceAll("\n", "\\n").replaceAll("\t", "\\t"));
}
