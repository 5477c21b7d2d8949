import {
  type ColumnDef,
  type ColumnMeta,
  getCoreRowModel,
  type Row,
  type RowData,
  useReactTable,
} from "@tanstack/react-table";
import { type ReactNode, type RefObject, useEffect, useRef } from "react";

import { classes } from "@/components/classes";

declare module "@tanstack/react-table" {
  // The names of the type parameters are the library's.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface ColumnMeta<TData extends RowData, TValue> {
    /** Figures stand right. */
    right?: boolean;
    /** Left out where there is no room. */
    wideOnly?: boolean;
    /** Where it stands on a phone's card of two lines; else in the second, by its name. The first is the title. */
    phone?: "title" | "aside" | "bare" | "hidden";
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

type Meta = ColumnMeta<unknown, unknown>;

/** A row of a wide screen; on a phone a card: title and figure, and below them what else there is. */
const CARD =
  "max-sm:flex max-sm:flex-wrap max-sm:items-center max-sm:gap-x-3 max-sm:gap-y-1 max-sm:px-4 max-sm:py-2.5 " +
  "max-sm:after:order-3 max-sm:after:basis-full";

const ON_PHONE = {
  title: "max-sm:order-1 max-sm:min-w-0 max-sm:flex-1 max-sm:break-words",
  aside: "max-sm:order-2",
  bare: "max-sm:order-4 max-sm:text-caption",
  named:
    "max-sm:order-4 max-sm:text-caption max-sm:before:mr-1 max-sm:before:text-faint max-sm:before:content-[attr(data-name)]",
  hidden: "max-sm:hidden",
} as const;

function placeOf(meta: Meta | undefined, at: number, isLast: boolean): keyof typeof ON_PHONE {
  if (meta?.phone) return meta.phone;
  if (meta?.wideOnly) return "hidden";
  if (at === 0) return "title";
  return isLast && meta?.right ? "aside" : "named";
}

function cellClasses(meta: Meta | undefined, at: number, isLast: boolean): string {
  return classes(
    "px-3 py-2 align-middle first:pl-4 last:pr-4 max-sm:p-0! [&_button]:-my-1.5",
    meta?.right && "tabular whitespace-nowrap sm:text-right",
    meta?.wideOnly && "max-lg:hidden",
    ON_PHONE[placeOf(meta, at, isLast)],
  );
}

/** Rows and columns; j and k walk, Enter opens. On a phone each row is a card of two lines. */
export function DataTable<T>({ label, columns, rows, idOf, onOpen, footer }: TableProps<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  // TanStack Table's hook is not memoisable by the compiler; it is by itself.
  // eslint-disable-next-line react-hooks/incompatible-library
  const table = useReactTable({ data: rows as T[], columns, getCoreRowModel: getCoreRowModel(), getRowId: idOf });
  useWalk(body, onOpen !== undefined);
  return (
    <div data-flush className="overflow-x-auto">
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
                      "px-3 py-2 font-medium first:pl-4 last:pr-4",
                      meta?.right && "text-right",
                      meta?.wideOnly && "max-lg:hidden",
                    )}
                  >
                    {shown(header.column.columnDef.header, header.getContext())}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody ref={body} className="max-sm:block">
          {table.getRowModel().rows.map((row) => (
            <BodyRow key={row.id} row={row} onOpen={onOpen} />
          ))}
        </tbody>
      </table>
      {footer ? <div className="border-t border-line px-4 py-3">{footer}</div> : null}
    </div>
  );
}

/** Called, not mounted as a component: pages make their columns anew, and a cell with the focus must stay. */
function shown<Context>(column: string | ((context: Context) => ReactNode) | undefined, context: Context): ReactNode {
  return typeof column === "function" ? column(context) : column;
}

/** j and k walk the rows from wherever one is on the page; the arrows from row to row. */
function useWalk(body: RefObject<HTMLTableSectionElement | null>, on: boolean): void {
  useEffect(() => {
    if (!on) return;
    const walk = (event: KeyboardEvent): void => {
      const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
      const target = event.target as Element;
      if (!step || event.metaKey || event.ctrlKey || event.altKey) return;
      if (target.closest("input,textarea,select,[contenteditable],[role=dialog],[role=menu]")) return;
      const all = [...(body.current?.querySelectorAll<HTMLElement>("tr[tabindex]") ?? [])];
      const at = all.indexOf(document.activeElement as HTMLElement);
      if (at < 0 && event.key.startsWith("Arrow")) return;
      all[Math.max(0, Math.min(all.length - 1, at + step))]?.focus();
      event.preventDefault();
    };
    window.addEventListener("keydown", walk);
    return () => window.removeEventListener("keydown", walk);
  }, [body, on]);
}

function BodyRow<T>({ row, onOpen }: { row: Row<T>; onOpen: ((row: T) => void) | undefined }) {
  const open = onOpen ? () => onOpen(row.original) : undefined;
  return (
    <tr
      tabIndex={open ? 0 : undefined}
      onClick={(event) => {
        const target = event.target as Element;
        const isOwn = event.currentTarget.contains(target); // menus of a row stand elsewhere in the page
        if (isOwn && !target.closest("a,button,input,select,label")) open?.();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || event.target !== event.currentTarget || !open) return;
        event.preventDefault(); // or the same Enter presses whatever the opened dialog focuses first
        open();
      }}
      className={classes(
        "border-b border-line last:border-0",
        CARD,
        open && "cursor-pointer hover:bg-raised focus-visible:bg-raised focus-visible:-outline-offset-2",
      )}
    >
      {row.getVisibleCells().map((cell, at, all) => {
        const { meta, header } = cell.column.columnDef;
        return (
          <td
            key={cell.id}
            data-name={typeof header === "string" ? header : undefined}
            className={cellClasses(meta, at, at === all.length - 1)}
          >
            {shown(cell.column.columnDef.cell, cell.getContext())}
          </td>
        );
      })}
    </tr>
  );
}
