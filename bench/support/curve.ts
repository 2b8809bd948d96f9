/** What a call costs as something grows: ours beside bare grpc-js. */
import { z } from "zod";
import type { Plan } from "./bench.ts";
import { number, whole } from "./format.ts";
import { lineChart } from "./chart.ts";
import { interleave } from "./interleave.ts";
import { peers } from "./peers.ts";
import { compare, type Sample, sample } from "./sample.ts";
import { table } from "./table.ts";

export const curveNames = ["ours", "grpc-js"] as const;
export type CurveName = (typeof curveNames)[number];

/** One size of what grows. */
export interface Point {
  readonly x: number;
  readonly samples: Record<CurveName, Sample[]>;
}

export const points: z.ZodType<Point[]> = z.array(
  z.object({ x: z.number(), samples: z.record(z.enum(curveNames), z.array(sample)) }),
);

/** Measures both servers at each size: once to warm up, and then in turns. */
export async function measureCurve(
  what: string,
  sizes: readonly number[],
  plan: Plan,
  measure: (name: CurveName, x: number, forMs: number) => Promise<Sample>,
): Promise<Point[]> {
  const found: Point[] = [];
  for (const x of sizes) {
    console.log(`${what}: ${x}`);
    for (const name of curveNames) await measure(name, x, plan.sliceMs);
    const samples = await interleave(curveNames, plan.rounds, (name) =>
      measure(name, x, plan.sliceMs),
    );
    found.push({ x, samples });
  }
  return found;
}

/** A table and a chart of the processor time that each call, or message, has cost. */
export function curveReport(
  found: readonly Point[],
  { title, x, unit, file }: CurveText,
): { readonly markdown: string; readonly charts: Record<string, string> } {
  const rows = found.map(({ x: size, samples }) => {
    const cells = curveNames.flatMap((name) => {
      const { rate, cost } = compare(samples[name], samples["grpc-js"]);
      return [whole(rate.median), number(cost.median)];
    });
    const { ratio } = compare(samples.ours, samples["grpc-js"]);
    return [whole(size), ...cells, `${number(ratio.median)} ×`];
  });
  const head = curveNames.flatMap((name) => [
    `${peers[name].title}: ${unit}s/s`,
    `processor, µs a ${unit}`,
  ]);
  return {
    markdown: [
      `![${title}](performance/${file})`,
      "",
      table([x, ...head, "ours to bare"], rows),
      ...refusalsIn(found),
    ].join("\n"),
    charts: {
      [file]: lineChart(
        title,
        { x, y: `µs of the server's processor a ${unit}`, isLogarithmic: true },
        curveNames.map((name) => ({
          name: peers[name].title,
          points: found.map(({ x: size, samples }) => [size, cpuOf(samples[name])] as const),
        })),
      ),
    },
  };
}

/** Says where ours has refused calls. */
function refusalsIn(found: readonly Point[]): string[] {
  return found.flatMap(({ x, samples }) => {
    const most = Math.max(...samples.ours.map(({ refused = 0 }) => refused));
    if (most === 0) return [];
    return ["", `At ${whole(x)}, ours has refused up to ${number(100 * most)} % of the calls.`];
  });
}

interface CurveText {
  readonly title: string;
  /** What grows. */
  readonly x: string;
  readonly unit: "call" | "message";
  readonly file: string;
}

/** What a call, or message, costs at one size as a multiple of what it costs at another. */
export function growthOf(
  found: readonly Point[],
  name: CurveName,
  from: number,
  to: number,
): number {
  const at = (x: number): Sample[] => found.find((point) => point.x === x)?.samples[name] ?? [];
  return cpuOf(at(to)) / cpuOf(at(from));
}

function cpuOf(samples: readonly Sample[]): number {
  return compare(samples, samples).cost.median;
}
