import { Area, CartesianGrid, ComposedChart, Legend, Line, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";

import type { ChartProps } from "@/components/chart";
import { bucket } from "@/lib/time";

const MOST = 6;
const tick = { fill: "var(--faint)", fontSize: 11 };

function colour(place: number): string {
  return `var(--chart-${(place % MOST) + 1})`;
}

/** The drawing itself; loaded when a chart is first shown. */
export default function Drawing({ kind, step, times, series, format }: ChartProps) {
  const data = times.map((time, place) => {
    const point: Record<string, string | number | null> = { time: bucket(time, step) };
    for (const one of series) point[one.name] = one.values[place] ?? null;
    return point;
  });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const solid = series.filter((one) => !one.faint);
  return (
    <ResponsiveContainer width="100%" height="100%">
      <ComposedChart data={data} margin={{ top: 4, right: 8, bottom: 0, left: 0 }} accessibilityLayer={false}>
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis dataKey="time" tick={tick} tickLine={false} axisLine={false} minTickGap={40} />
        <YAxis tick={tick} tickLine={false} axisLine={false} width={68} tickFormatter={format} domain={[0, "auto"]} />
        <Tooltip
          isAnimationActive={false}
          formatter={(value) => format(Number(value))}
          contentStyle={{
            background: "var(--surface)",
            border: "1px solid var(--line)",
            borderRadius: 6,
            fontSize: 12,
          }}
        />
        {series.length > 1 ? <Legend itemSorter={null} iconType="plainline" wrapperStyle={{ fontSize: 12 }} /> : null}
        {series
          .filter((one) => one.faint)
          .map((one) => (
            <Line
              key={one.name}
              dataKey={one.name}
              dot={false}
              stroke="var(--line-strong)"
              strokeWidth={1}
              strokeDasharray="3 3"
              isAnimationActive={false}
            />
          ))}
        {solid.map((one, place) =>
          kind === "area" ? (
            <Area
              key={one.name}
              dataKey={one.name}
              stackId="all"
              stroke={colour(place)}
              fill={colour(place)}
              fillOpacity={0.18}
              strokeWidth={1.5}
              animationDuration={150}
              isAnimationActive={!still}
            />
          ) : (
            <Line
              key={one.name}
              dataKey={one.name}
              dot={{ r: 2, strokeWidth: 0, fill: colour(place) }}
              connectNulls
              stroke={colour(place)}
              strokeWidth={place === 0 ? 2 : 1}
              animationDuration={150}
              isAnimationActive={!still}
            />
          ),
        )}
      </ComposedChart>
    </ResponsiveContainer>
  );
}
