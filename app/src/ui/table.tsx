import {
  createSortedRowModel,
  rowSortingFeature,
  sortFns,
  tableFeatures,
  useTable,
  type ColumnDef,
} from "@tanstack/react-table";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useMemo, type ReactNode } from "react";
import { classes } from "./classes";

/** A column: what stands in a row's cell, and what it is sorted by. */
export interface Column<Row> {
  id: string;
  header: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Sorts rows when the header is pressed. */
  sort?: (row: Row) => number | bigint | string;
  align?: "left" | "right";
  /** Left out on a phone. */
  wide?: boolean;
}

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns,
});

interface Props<Row extends object> {
  /** For screen readers. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** Shown when there are no rows. */
  empty?: ReactNode;
  onRow?: (row: Row) => void;
  isSelected?: (row: Row) => boolean;
}

/** A table that sorts by its headers and scrolls sideways where it must. Keep `columns` stable. */
export function DataTable<Row extends object>(props: Props<Row>) {
  const { caption, columns, rows, rowKey, empty, onRow, isSelected } = props;
  const defs = useMemo(
    () =>
      columns.map<ColumnDef<typeof features, Row>>((column) => ({
        id: column.id,
        accessorFn: column.sort ?? (() => 0),
        enableSorting: column.sort !== undefined,
        sortFn: (a, b, id) => {
          const [left, right] = [a.getValue<bigint>(id), b.getValue<bigint>(id)];
          return left < right ? -1 : left > right ? 1 : 0;
        },
      })),
    [columns],
  );
  const table = useTable({ features, columns: defs, data: rows as Row[], getRowId: rowKey });
  const byId = useMemo(() => new Map(columns.map((column) => [column.id, column])), [columns]);
  if (rows.length === 0 && empty !== undefined) return <>{empty}</>;
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard
    <div className="relative overflow-x-auto" role="group" aria-label={caption} tabIndex={0}>
      <table className="w-full border-collapse text-sm">
        <caption className="sr-only">{caption}</caption>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header) => {
                const column = byId.get(header.column.id);
                if (!column) return null;
                const sorted = header.column.getIsSorted();
                const right = column.align === "right";
                return (
                  <th
                    key={header.id}
                    scope="col"
                    aria-sort={
                      sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : undefined
                    }
                    className={classes(
                      "px-3 py-2 text-xs font-medium whitespace-nowrap text-soft",
                      right ? "text-right" : "text-left",
                      column.wide && "max-sm:hidden",
                    )}
                  >
                    {column.sort ? (
                      <button
                        type="button"
                        onClick={header.column.getToggleSortingHandler()}
                        className="inline-flex items-center gap-1 hover:text-ink"
                      >
                        {column.header}
                        {sorted === "asc" && <ArrowUp aria-hidden className="size-3" />}
                        {sorted === "desc" && <ArrowDown aria-hidden className="size-3" />}
                      </button>
                    ) : (
                      column.header
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <tr
              key={row.id}
              onClick={onRow && (() => onRow(row.original))}
              className={classes(
                "border-t",
                onRow && "cursor-pointer hover:bg-raised",
                isSelected?.(row.original) && "bg-raised",
              )}
            >
              {columns.map((column) => (
                <td
                  key={column.id}
                  className={classes(
                    "px-3 py-2 whitespace-nowrap",
                    column.align === "right" && "text-right",
                    column.wide && "max-sm:hidden",
                  )}
                >
                  {column.cell(row.original)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
