/** Charts as SVG, drawn so that they are easy to read on white and on black. */

const width = 720;
const fontSize = 13;
const rowHeight = 26;
const titleHeight = 44;

/** The colours of series; the first one is ours. They differ in lightness too. */
const colours = ["#2f81f7", "#8b949e", "#d29922", "#a371f7"] as const;

/** One bar. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  /** What is written behind it. */
  readonly note: string;
  /** Whether it is drawn in the colour that is ours. */
  readonly isOurs: boolean;
}

/** Draws bars below each other. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const labelWidth = 150;
  const noteWidth = 170;
  const space = width - labelWidth - noteWidth;
  const most = Math.max(...bars.map(({ value }) => value));
  const rows = bars.map(({ label, value, note, isOurs }, index) => {
    const y = titleHeight + index * rowHeight;
    const length = Math.max(1, (value / most) * space);
    const middle = y + rowHeight / 2 + fontSize / 3;
    return [
      text(labelWidth - 8, middle, label, "end"),
      `<rect x="${labelWidth}" y="${y + 4}" width="${round(length)}" height="${rowHeight - 8}" rx="2" fill="${colours[isOurs ? 0 : 1]}"/>`,
      text(labelWidth + length + 8, middle, note),
    ].join("\n");
  });
  return drawing(title, titleHeight + bars.length * rowHeight + 10, rows);
}

/** One line of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What the axes of a chart say. That of the values starts at 0, or is logarithmic, as the other one always is. */
export interface Axes {
  readonly x: string;
  readonly y: string;
  readonly isLogarithmic: boolean;
}

/** Draws lines. */
export function lineChart(title: string, axes: Axes, series: readonly Series[]): string {
  const left = 70;
  const right = 20;
  const bottom = 50;
  const plotHeight = 240;
  const plotWidth = width - left - right;
  const xs = series.flatMap(({ points }) => points.map(([x]) => x));
  const [low, high] = [Math.log(Math.min(...xs)), Math.log(Math.max(...xs))];
  const ys = series.flatMap(({ points }) => points.map(([, y]) => y));
  const marks = axes.isLogarithmic ? powersAround(ys) : quartersOf(niceCeiling(Math.max(...ys)));
  const xAt = (x: number): number =>
    left + (high === low ? 0.5 : (Math.log(x) - low) / (high - low)) * plotWidth;
  const base = titleHeight + 24 + plotHeight;
  const [least = 0, most = 1] = [marks[0], marks.at(-1)];
  const shareOf = (y: number): number =>
    axes.isLogarithmic ? Math.log(y / least) / Math.log(most / least) : y / most;
  const yAt = (y: number): number => base - shareOf(y) * plotHeight;
  const grid = marks.map((mark) => {
    const y = yAt(mark);
    return [
      `<line x1="${left}" x2="${width - right}" y1="${round(y)}" y2="${round(y)}" class="grid"/>`,
      text(left - 8, y + fontSize / 3, short(mark), "end"),
    ].join("\n");
  });
  const ticks = [...new Set(xs)].map((x) => text(xAt(x), base + 20, short(x), "middle"));
  const lines = series.map(({ points }, index) => {
    const colour = colours[index] ?? "currentColor";
    const path = points.map(([x, y]) => `${round(xAt(x))},${round(yAt(y))}`).join(" ");
    const dots = points.map(
      ([x, y]) => `<circle cx="${round(xAt(x))}" cy="${round(yAt(y))}" r="3.5" fill="${colour}"/>`,
    );
    return [
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2.5"/>`,
      ...dots,
    ].join("\n");
  });
  const legend = series.map(({ name }, index) => {
    const x = left + index * 150;
    return [
      `<rect x="${x}" y="${titleHeight - 8}" width="12" height="12" rx="2" fill="${colours[index] ?? "currentColor"}"/>`,
      text(x + 18, titleHeight + 3, name),
    ].join("\n");
  });
  return drawing(title, base + bottom, [
    ...legend,
    ...grid,
    ...ticks,
    text(width - right, base + 40, axes.x, "end"),
    text(width - right, titleHeight + 3, axes.y, "end"),
    ...lines,
  ]);
}

function drawing(title: string, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>
  text { font: ${fontSize}px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .grid { stroke: #8b949e; stroke-opacity: 0.35 }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>
<text x="10" y="22" class="title">${escaped(title)}</text>
${parts.join("\n")}
</svg>
`;
}

function text(x: number, y: number, content: string, anchor = "start"): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** 20k for 20,000. */
function short(value: number): string {
  if (value >= 1_000_000) return `${round(value / 1_000_000)}M`;
  if (value >= 1_000) return `${round(value / 1_000)}k`;
  return value >= 10 ? String(Math.round(value)) : String(Math.round(value * 100) / 100);
}

function quartersOf(top: number): number[] {
  return [0, 0.25, 0.5, 0.75, 1].map((share) => top * share);
}

/** The powers of ten between which all values are. */
function powersAround(values: readonly number[]): number[] {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
}

/** The next number that is easy to divide by four. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10];
  return (steps.find((step) => step * power >= value) ?? 10) * power;
}
