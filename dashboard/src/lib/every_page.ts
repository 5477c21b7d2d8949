const A_PAGE = 200;
const MOST_PAGES = 25;

interface Page<T> {
  data: T[];
  next_cursor?: string | null;
}

/** A whole list, page after page, up to 5,000 entries: for names, which must not stop at the newest. */
export async function everyPage<T>(ask: (paging: { cursor: string; limit: number }) => Promise<Page<T>>) {
  const data: T[] = [];
  let cursor = "";
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const page = await ask({ cursor, limit: A_PAGE });
    data.push(...page.data);
    if (!page.next_cursor) break;
    cursor = page.next_cursor;
  }
  return { data };
}
