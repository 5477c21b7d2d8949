import { Link } from "@tanstack/react-router";

import { Empty, Failure } from "@/components/states";

export function NotFound() {
  return (
    <main>
      <Empty
        title="There is no such page"
        action={
          <Link to="/" className="font-medium text-accent underline">
            To the start
          </Link>
        }
      >
        The address may be mistyped, or the page was moved.
      </Empty>
    </main>
  );
}

export function RouteFailure({ error }: { error: unknown }) {
  return (
    <main className="mx-auto max-w-xl p-6">
      <Failure error={error} retry={() => window.location.reload()} />
    </main>
  );
}
