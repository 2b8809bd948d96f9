/** What a page of metrics says. */
export interface MetricsPage {
  readonly text: string;
  /** The value of a series, such as `up` or `calls{method="a"}`, with its labels as they are written; undefined: none. */
  value(series: string): number | undefined;
  /** The series that have this text in their names or labels. */
  series(part: string): readonly string[];
}

/** Reads the metrics that are shown at a port. */
export async function readMetrics(port: number): Promise<MetricsPage> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status}: ${text}`);
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, series = "", value = ""] = /^(.+) (\+Inf|-Inf|Nan|[-+\d.e]+)$/.exec(line) ?? [];
    if (series === "") throw new Error(`${line} is no series`);
    if (values.has(series)) throw new Error(`${series} is there twice`);
    values.set(series, Number(value.replace("Inf", "Infinity")));
  }
  return {
    text,
    value: (series) => values.get(series),
    series: (part) => [...values.keys()].filter((each) => each.includes(part)),
  };
}
