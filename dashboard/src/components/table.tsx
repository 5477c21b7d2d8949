import {
  type ColumnDef,
  flexRender,
  getCoreRowModel,
  type Row,
  type RowData,
  useReactTable,
} from "@tanstack/react-table";
import { type KeyboardEvent, type ReactNode, useRef } from "react";

import { classes } from "@/components/classes";

declare module "@tanstack/react-table" {
  // The names of the type parameters are the library's.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface ColumnMeta<TData extends RowData, TValue> {
    /** Figures stand right. */
    right?: boolean;
    /** Left out where there is no room. */
    wideOnly?: boolean;
  }
}

export interface TableProps<T> {
  label: string;
  // TanStack's columns differ in the kind of their values.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  columns: ColumnDef<T, any>[];
  rows: readonly T[];
  idOf: (row: T) => string;
  /** Enter or a click on a row. */
  onOpen?: (row: T) => void;
  footer?: ReactNode;
}

function cellClasses(right: boolean | undefined, wideOnly: boolean | undefined): string {
  return classes(
    "px-3 py-2 align-middle max-sm:block max-sm:border-0 max-sm:px-3 max-sm:py-0.5",
    right && "sm:text-right tabular",
    wideOnly && "max-lg:hidden",
  );
}

/** Rows and columns; j and k walk, Enter opens. On a phone each row is a card. */
export function DataTable<T>({ label, columns, rows, idOf, onOpen, footer }: TableProps<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  // TanStack Table's hook is not memoisable by the compiler; it is by itself.
  // eslint-disable-next-line react-hooks/incompatible-library
  const table = useReactTable({ data: rows as T[], columns, getCoreRowModel: getCoreRowModel(), getRowId: idOf });
  const walk = (event: KeyboardEvent): void => {
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (!step || !onOpen) return;
    const all = [...(body.current?.querySelectorAll<HTMLElement>("tr[tabindex]") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    if (at < 0 && event.target !== document.activeElement) return;
    all[Math.max(0, Math.min(all.length - 1, at + step))]?.focus();
    event.preventDefault();
  };
  return (
    <div className="overflow-x-auto">
      <table aria-label={label} className="w-full border-collapse text-table max-sm:block">
        <thead className="max-sm:hidden">
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} className="border-b border-line text-left text-caption text-muted">
              {group.headers.map((header) => {
                const meta = header.column.columnDef.meta;
                return (
                  <th
                    key={header.id}
                    scope="col"
                    className={classes(
                      "px-3 py-2 font-medium",
                      meta?.right && "text-right",
                      meta?.wideOnly && "max-lg:hidden",
                    )}
                  >
                    {flexRender(header.column.columnDef.header, header.getContext())}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        {/* Rows take the focus; their keys are handled where they bubble. */}
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
        <tbody ref={body} onKeyDown={walk} className="max-sm:block">
          {table.getRowModel().rows.map((row) => (
            <BodyRow key={row.id} row={row} onOpen={onOpen} />
          ))}
        </tbody>
      </table>
      {footer}
    </div>
  );
}

function BodyRow<T>({ row, onOpen }: { row: Row<T>; onOpen: ((row: T) => void) | undefined }) {
  const open = onOpen ? () => onOpen(row.original) : undefined;
  return (
    <tr
      tabIndex={open ? 0 : undefined}
      onClick={(event) => {
        if (!(event.target as Element).closest("a,button,input,select,label")) open?.();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || event.target !== event.currentTarget || !open) return;
        event.preventDefault(); // or the same Enter presses whatever the opened dialog focuses first
        open();
      }}
      className={classes(
        "border-b border-line last:border-0 max-sm:block max-sm:py-2",
        open && "cursor-pointer hover:bg-raised focus-visible:bg-raised focus-visible:-outline-offset-2",
      )}
    >
      {row.getVisibleCells().map((cell) => {
        const meta = cell.column.columnDef.meta;
        return (
          <td key={cell.id} className={cellClasses(meta?.right, meta?.wideOnly)}>
            {flexRender(cell.column.columnDef.cell, cell.getContext())}
          </td>
        );
      })}
    </tr>
  );
}
