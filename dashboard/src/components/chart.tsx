import { Download, Table2 } from "lucide-react";
import { lazy, type ReactNode, Suspense, useState } from "react";

import { IconButton } from "@/components/button";
import { Card } from "@/components/card";
import { csvOf, download } from "@/components/csv";
import { type ChartProps, isEmpty } from "@/components/series";
import { Skeleton } from "@/components/states";
import { bucket } from "@/lib/time";

const Drawing = lazy(() => import("@/components/drawing"));

/** A chart, with its table and CSV one click away. */
export function Chart(props: ChartProps) {
  const [asTable, setAsTable] = useState(false);
  const { title, times, series, step, format, summary, pending = false } = props;
  const save = (): void => {
    const rows = times.map((time, place) => [time, ...series.map((one) => one.values[place])]);
    download(
      `${title.toLowerCase().replaceAll(" ", "-")}.csv`,
      csvOf(["time", ...series.map((one) => one.name)], rows),
    );
  };
  const action: ReactNode = (
    <span className="flex">
      <IconButton
        label={asTable ? `Show ${title} as a chart` : `Show ${title} as a table`}
        onClick={() => setAsTable(!asTable)}
      >
        <Table2 aria-hidden className="size-4" />
      </IconButton>
      <IconButton label={`Download ${title} as CSV`} onClick={save}>
        <Download aria-hidden className="size-4" />
      </IconButton>
    </span>
  );
  return (
    <Card title={title} action={action}>
      <div className="tabular -mt-1 mb-3 text-caption text-muted">
        {pending ? <Skeleton className="h-4 w-48" /> : <p>{summary}</p>}
      </div>
      <div className="h-52">
        {pending ? (
          <Skeleton className="h-full w-full" />
        ) : asTable ? (
          // A long table must be reachable by keyboard too.
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          <div className="h-full overflow-auto" tabIndex={0} role="region" aria-label={`${title}, table`}>
            <table className="tabular w-full text-caption">
              <thead className="sticky top-0 bg-surface text-left text-muted">
                <tr>
                  <th scope="col" className="py-1 font-medium">
                    Time
                  </th>
                  {series.map((one) => (
                    <th key={one.name} scope="col" className="py-1 text-right font-medium">
                      {one.name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {times.map((time, place) => (
                  <tr key={time} className="border-t border-line">
                    <td className="py-1">{bucket(time, step)}</td>
                    {series.map((one) => (
                      <td key={one.name} className="text-right">
                        {cellText(one.values[place], format)}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ) : isEmpty(series) ? (
          <p className="grid h-full place-items-center text-caption text-muted">Nothing in this time.</p>
        ) : (
          <figure aria-label={summary} className="h-full">
            <Suspense fallback={<Skeleton className="h-full w-full" />}>
              <Drawing {...props} />
            </Suspense>
          </figure>
        )}
      </div>
    </Card>
  );
}

function cellText(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? "—" : format(value);
}
