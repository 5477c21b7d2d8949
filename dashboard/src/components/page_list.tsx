import type { ColumnDef } from "@tanstack/react-table";
import type { ReactNode } from "react";

import { Button } from "@/components/button";
import { Failure, SkeletonRows } from "@/components/states";
import { DataTable } from "@/components/table";

interface Asked<T> {
  data: { pages: { data: T[] }[] } | undefined;
  error: unknown;
  isPending: boolean;
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
  refetch: () => unknown;
}

interface Props<T> {
  label: string;
  asked: Asked<T>;
  // TanStack's columns differ in the kind of their values.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  columns: ColumnDef<T, any>[];
  idOf: (row: T) => string;
  empty: ReactNode;
  onOpen?: (row: T) => void;
}

/** A list of the API in all its states, page by page. */
export function PageList<T>({ label, asked, columns, idOf, empty, onOpen }: Props<T>) {
  if (asked.isPending) return <SkeletonRows rows={5} />;
  if (asked.error) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  const rows = asked.data?.pages.flatMap((page) => page.data) ?? [];
  if (rows.length === 0) return empty;
  const more = asked.hasNextPage ? (
    <div className="flex justify-center">
      <Button busy={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
        Show more
      </Button>
    </div>
  ) : null;
  return (
    <DataTable label={label} columns={columns} rows={rows} idOf={idOf} footer={more} {...(onOpen ? { onOpen } : {})} />
  );
}

/** What every list asked page by page needs. */
export const PAGED = {
  pageParamName: "cursor",
  initialPageParam: "",
  getNextPageParam: (last: { next_cursor?: string | null }) => last.next_cursor,
} as const;
