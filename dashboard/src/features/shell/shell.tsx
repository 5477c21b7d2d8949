import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { Keyboard, Menu as MenuIcon, Search } from "lucide-react";
import { Dialog as Sheet } from "radix-ui";
import { lazy, type ReactNode, Suspense, useState } from "react";

import { IconButton } from "@/components/button";
import { ProfileMenu } from "@/features/shell/profile_menu";
import { Sidebar } from "@/features/shell/sidebar";
import { useShortcuts } from "@/features/shell/shortcuts";
import { useMay, useOrg } from "@/lib/me";
import { billingOptions } from "@/lib/org_queries";

const Palette = lazy(() => import("@/features/shell/palette"));
const ShortcutList = lazy(() => import("@/features/shell/shortcut_list"));

/** The frame around every page of an organisation. */
export function Shell() {
  const [shown, setShown] = useState<"palette" | "shortcuts" | "sheet" | null>(null);
  const close = (): void => setShown(null);
  useShortcuts({ palette: () => setShown("palette"), list: () => setShown("shortcuts") });
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[232px_1fr]">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-surface focus:p-2">
        Skip to the page
      </a>
      <aside className="sticky top-0 hidden h-dvh border-r border-line lg:block">
        <Sidebar />
      </aside>
      <div className="min-w-0">
        <TopBar
          onMenu={() => setShown("sheet")}
          onSearch={() => setShown("palette")}
          onList={() => setShown("shortcuts")}
        />
        <Notices />
        <main id="main" tabIndex={-1} className="mx-auto max-w-6xl px-4 py-6 outline-none sm:px-6">
          <Outlet />
        </main>
      </div>
      <PhoneSheet open={shown === "sheet"} onClose={close} />
      <Suspense>
        {shown === "palette" ? <Palette onClose={close} /> : null}
        {shown === "shortcuts" ? <ShortcutList onClose={close} /> : null}
      </Suspense>
    </div>
  );
}

function TopBar({ onMenu, onSearch, onList }: { onMenu: () => void; onSearch: () => void; onList: () => void }) {
  return (
    <header className="sticky top-0 z-30 flex h-12 items-center gap-1 border-b border-line bg-bg px-4 sm:px-6">
      <IconButton label="Open the menu" onClick={onMenu} className="lg:hidden">
        <MenuIcon aria-hidden className="size-4" />
      </IconButton>
      <button
        type="button"
        onClick={onSearch}
        className="mr-auto flex h-8 items-center gap-2 rounded-control border border-line bg-surface px-2.5 text-table text-faint hover:bg-raised sm:w-72"
      >
        <Search aria-hidden className="size-4" />
        <span className="max-sm:sr-only">Go to, or find a request</span>
        <kbd aria-hidden className="ml-auto font-sans text-caption max-sm:hidden">
          ⌘K
        </kbd>
      </button>
      <IconButton label="Keyboard shortcuts" onClick={onList} className="max-sm:hidden">
        <Keyboard aria-hidden className="size-4" />
      </IconButton>
      <ProfileMenu />
    </header>
  );
}

/** What must be known on every page. */
function Notices() {
  const org = useOrg();
  const text = org.suspended_at
    ? "This organisation is suspended: its keys are refused. Write to the operator of this gateway."
    : org.deletes_at
      ? "This organisation will be deleted. An owner can restore it in its settings."
      : null;
  return text ? <Strip>{text}</Strip> : <Unpaid />;
}

/** To who may see billing, everywhere but there. */
function Unpaid() {
  const org = useOrg();
  const there = useLocation({ select: ({ pathname }) => pathname.endsWith("/billing") });
  const status = useQuery({ ...billingOptions(org.slug), enabled: useMay("billing:read") }).data?.status;
  if (there || (status !== "past_due" && status !== "unpaid")) return null;
  return (
    <Strip>
      The last payment for {org.name} failed.{" "}
      <Link to="/o/$org/billing" params={{ org: org.slug }} className="font-medium underline underline-offset-2">
        Pay, or change the card
      </Link>
    </Strip>
  );
}

function Strip({ children }: { children: ReactNode }) {
  return (
    <p role="status" className="bg-amber-soft px-6 py-2 text-table text-amber">
      {children}
    </p>
  );
}

function PhoneSheet({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Sheet.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Sheet.Portal>
        <Sheet.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Sheet.Content
          aria-describedby={undefined}
          className="appear fixed inset-y-0 left-0 z-50 w-64 border-r border-line bg-bg shadow-float"
        >
          <Sheet.Title className="sr-only">Pages</Sheet.Title>
          <Sidebar onGo={onClose} />
        </Sheet.Content>
      </Sheet.Portal>
    </Sheet.Root>
  );
}
