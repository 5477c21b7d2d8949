import {
  Activity,
  Blocks,
  Boxes,
  CreditCard,
  Database,
  FlaskConical,
  KeyRound,
  ListTree,
  type LucideIcon,
  PiggyBank,
  Route,
  ScrollText,
  Settings,
  Users,
} from "lucide-react";

import type { Permission } from "@/lib/me";

export interface Place {
  title: string;
  /** Behind /o/$org. */
  to: string;
  icon: LucideIcon;
  needs: Permission;
  /** What g and this letter open. */
  key?: string;
}

/** Pages of an organisation, as the sidebar shows them. */
export const USE: readonly Place[] = [
  { title: "Overview", to: "/o/$org", icon: Activity, needs: "usage:read", key: "o" },
  { title: "Requests", to: "/o/$org/requests", icon: ListTree, needs: "usage:read", key: "r" },
  { title: "Playground", to: "/o/$org/playground", icon: FlaskConical, needs: "keys:create", key: "p" },
  { title: "Models", to: "/o/$org/models", icon: Boxes, needs: "keys:read", key: "m" },
  { title: "Routes", to: "/o/$org/routes", icon: Route, needs: "routes:read" },
  { title: "Cache", to: "/o/$org/cache", icon: Database, needs: "routes:read" },
];

export const MANAGE: readonly Place[] = [
  { title: "Keys", to: "/o/$org/keys", icon: KeyRound, needs: "keys:read", key: "k" },
  { title: "Team", to: "/o/$org/team", icon: Users, needs: "members:read" },
  { title: "Providers", to: "/o/$org/providers", icon: Blocks, needs: "credentials:read" },
  { title: "Budgets", to: "/o/$org/budgets", icon: PiggyBank, needs: "projects:read" },
  { title: "Billing", to: "/o/$org/billing", icon: CreditCard, needs: "billing:read", key: "b" },
  { title: "Audit", to: "/o/$org/audit", icon: ScrollText, needs: "audit:read" },
  { title: "Settings", to: "/o/$org/settings", icon: Settings, needs: "org:read" },
];
