import { Link } from "@tanstack/react-router";
import { Check, ChevronsUpDown } from "lucide-react";

import { Menu, MenuItem, MenuLabel } from "@/components/menu";
import { MANAGE, type Place, USE } from "@/features/shell/pages";
import { useMe, useOrg } from "@/lib/me";

function Places({ places, onGo }: { places: readonly Place[]; onGo: (() => void) | undefined }) {
  const org = useOrg();
  return (
    <ul className="flex flex-col gap-px">
      {places
        .filter((place) => org.permissions.includes(place.needs))
        .map(({ title, to, icon: Icon }) => (
          <li key={to}>
            <Link
              to={to}
              params={{ org: org.slug }}
              onClick={onGo}
              activeOptions={{ exact: to === "/o/$org", includeSearch: false }}
              className="flex h-8 items-center gap-2.5 rounded-control px-2 text-table text-muted hover:bg-raised hover:text-text"
              activeProps={{ className: "bg-raised font-medium text-text!", "aria-current": "page" }}
            >
              <Icon aria-hidden className="size-4" />
              {title}
            </Link>
          </li>
        ))}
    </ul>
  );
}

function OrgSwitcher() {
  const org = useOrg();
  const me = useMe();
  const go = (slug: string): void => window.location.assign(`/o/${slug}`);
  const trigger = (
    <button
      type="button"
      aria-label={`Organisation ${org.name}; choose another`}
      className="flex h-9 w-full items-center justify-between gap-2 rounded-control border border-line bg-surface px-2.5 text-table font-medium hover:bg-raised"
    >
      <span className="truncate">{org.name}</span>
      <ChevronsUpDown aria-hidden className="size-4 shrink-0 text-faint" />
    </button>
  );
  return (
    <Menu trigger={trigger} align="start">
      <MenuLabel>Organisations</MenuLabel>
      {me?.orgs.map((one) => (
        <MenuItem key={one.id} onSelect={() => go(one.slug)}>
          <span className="w-4">{one.id === org.id ? <Check aria-hidden className="size-4" /> : null}</span>
          {one.name}
          <span className="ml-auto pl-4 text-caption text-faint">{one.role}</span>
        </MenuItem>
      ))}
    </Menu>
  );
}

/** Where one is, and where one can go. */
export function Sidebar({ onGo }: { onGo?: () => void }) {
  return (
    <nav aria-label="Pages" className="flex h-full flex-col gap-3 overflow-y-auto p-3">
      <OrgSwitcher />
      <Places places={USE} onGo={onGo} />
      <div className="px-2 pt-2 text-caption text-faint">Manage</div>
      <Places places={MANAGE} onGo={onGo} />
    </nav>
  );
}
