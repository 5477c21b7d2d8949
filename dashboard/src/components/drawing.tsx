import {
  Area,
  CartesianGrid,
  ComposedChart,
  Line,
  ResponsiveContainer,
  Tooltip,
  usePlotArea,
  useYAxisScale,
  XAxis,
  YAxis,
} from "recharts";

import { axisText } from "@/components/axis";
import { type Mark, marksOf, spread } from "@/components/end_labels";
import { type ChartProps, coloursOf } from "@/components/series";
import { bucket, tick } from "@/lib/time";

const TICK = { fill: "var(--faint)", fontSize: 11 };
const LETTER = 6.4;
const LONGEST = 18;
/** With so few points each is seen by itself. */
const FEW = 12;

function shortened(name: string): string {
  return name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name;
}

/** The name of each series where it ends, instead of a legend. */
function EndLabels({ marks }: { marks: readonly Mark[] }) {
  const plot = usePlotArea();
  const scale = useYAxisScale();
  if (!plot || !scale) return null;
  const places = spread(
    marks.map((mark) => scale(mark.value) ?? plot.y),
    13,
    plot.y + 4,
    plot.y + plot.height - 2,
  );
  const left = plot.x + plot.width + 8;
  return marks.map((mark, place) => (
    <g key={mark.name}>
      <title>{mark.name}</title>
      <rect x={left} y={(places[place] ?? 0) - 4} width={7} height={7} rx={2} fill={mark.colour} />
      <text x={left + 11} y={places[place]} dominantBaseline="middle" fontSize={11} fill="var(--muted)">
        {shortened(mark.name)}
      </text>
    </g>
  ));
}

/** The drawing itself; loaded when a chart is first shown. */
export default function Drawing({ kind, step, times, series, format, whole = false }: ChartProps) {
  const data = times.map((time, place) => {
    const point: Record<string, string | number | null> = { time };
    for (const one of series) point[one.name] = one.values[place] ?? null;
    return point;
  });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const moving = { animationDuration: 150, isAnimationActive: !still };
  const colours = coloursOf(series);
  const marks = marksOf({ kind, series }, colours);
  const room = 26 + LETTER * Math.max(4, ...marks.map((mark) => shortened(mark.name).length));
  return (
    <ResponsiveContainer width="100%" height="100%">
      <ComposedChart data={data} margin={{ top: 6, right: room, bottom: 0, left: 0 }} accessibilityLayer={false}>
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          dataKey="time"
          tick={TICK}
          tickLine={false}
          axisLine={false}
          minTickGap={32}
          tickFormatter={(time: string) => tick(time, step, times.length)}
        />
        <YAxis
          tick={TICK}
          tickLine={false}
          axisLine={false}
          width="auto"
          domain={[0, "auto"]}
          allowDecimals={!whole}
          tickFormatter={(value: number) => axisText(value, format)}
        />
        <Tooltip
          isAnimationActive={false}
          labelFormatter={(time) => bucket(time as string, step)}
          filterNull={false}
          // What has no value, such as latency where nothing was asked, says so.
          formatter={(value) => (typeof value === "number" ? format(value) : "none")}
          contentStyle={{
            background: "var(--surface)",
            border: "1px solid var(--line)",
            borderRadius: 6,
            fontSize: 12,
            fontVariantNumeric: "tabular-nums",
          }}
        />
        {series.map((one, place) => {
          const colour = colours[place] ?? "var(--text)";
          const shared = { dataKey: one.name, stroke: colour };
          // A line through one point alone would not be seen.
          const alone = one.values.filter((value) => value !== null).length === 1;
          const dot =
            alone || (times.length <= FEW && !one.faint) ? { r: alone ? 3 : 2, strokeWidth: 0, fill: colour } : false;
          if (one.faint)
            return <Line {...shared} key={one.name} dot={dot} strokeDasharray="3 3" isAnimationActive={false} />;
          if (kind === "area")
            return (
              // Bands without outlines: what is nothing is not seen.
              <Area
                {...shared}
                stroke="var(--surface)"
                {...moving}
                key={one.name}
                stackId="all"
                fill={colour}
                fillOpacity={0.6}
                strokeWidth={0.5}
              />
            );
          return (
            <Line
              {...shared}
              {...moving}
              key={one.name}
              dot={dot}
              connectNulls
              strokeWidth={one.tone === "accent" ? 2 : 1}
            />
          );
        })}
        <EndLabels marks={marks} />
      </ComposedChart>
    </ResponsiveContainer>
  );
}
