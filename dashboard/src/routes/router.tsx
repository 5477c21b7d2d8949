import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  notFound,
  Outlet,
  redirect,
} from "@tanstack/react-router";

import { Skeleton } from "@/components/states";
import { overviewSearch } from "@/features/overview/filters";
import { requestSearch } from "@/features/requests/filters";
import { renew, type Schema } from "@/lib/api/client";
import { accessToken } from "@/lib/api/session";
import { meOptions } from "@/lib/me";
import { queries } from "@/lib/queries";
import { NotFound, RouteFailure } from "@/routes/dead_ends";
import { textsOf } from "@/routes/search";

/** Who is not logged in logs in first, and comes back. */
async function loggedIn(href: string) {
  if (!accessToken() && !(await renew())) throw redirect({ to: "/login", search: { next: href } });
  return queries.query({ ...meOptions(), staleTime: "static" });
}

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound, errorComponent: RouteFailure });
const open = { getParentRoute: () => root };

const landing = createRoute({
  ...open,
  path: "/",
  component: lazyRouteComponent(() => import("@/features/public/landing"), "Landing"),
});
const pricing = createRoute({
  ...open,
  path: "/pricing",
  component: lazyRouteComponent(() => import("@/features/public/pricing"), "Pricing"),
});
const docs = createRoute({
  ...open,
  path: "/docs",
  component: lazyRouteComponent(() => import("@/features/public/docs"), "Docs"),
});
const contact = createRoute({
  ...open,
  path: "/contact",
  component: lazyRouteComponent(() => import("@/routes/papers"), "Contact"),
});
const terms = createRoute({
  ...open,
  path: "/terms",
  component: lazyRouteComponent(() => import("@/routes/papers"), "Terms"),
});
const privacy = createRoute({
  ...open,
  path: "/privacy",
  component: lazyRouteComponent(() => import("@/routes/papers"), "Privacy"),
});
const sla = createRoute({
  ...open,
  path: "/sla",
  component: lazyRouteComponent(() => import("@/routes/papers"), "Sla"),
});

const login = createRoute({
  ...open,
  path: "/login",
  validateSearch: textsOf("next"),
  component: lazyRouteComponent(() => import("@/features/session/login"), "Login"),
});
const signup = createRoute({
  ...open,
  path: "/signup",
  validateSearch: textsOf("invitation"),
  component: lazyRouteComponent(() => import("@/features/session/signup"), "Signup"),
});
const forgot = createRoute({
  ...open,
  path: "/forgot",
  component: lazyRouteComponent(() => import("@/features/session/tokens"), "Forgot"),
});
const verify = createRoute({
  ...open,
  path: "/verify",
  validateSearch: textsOf("token"),
  component: lazyRouteComponent(() => import("@/features/session/tokens"), "Verify"),
});
const reset = createRoute({
  ...open,
  path: "/reset",
  validateSearch: textsOf("token"),
  component: lazyRouteComponent(() => import("@/features/session/tokens"), "Reset"),
});
const invitation = createRoute({
  ...open,
  path: "/invitation",
  validateSearch: textsOf("token"),
  beforeLoad: async () => {
    if (!accessToken()) await renew();
  },
  component: lazyRouteComponent(() => import("@/features/session/tokens"), "Invitation"),
});

const home = createRoute({
  ...open,
  path: "/home",
  beforeLoad: async ({ location }) => {
    const first = (await loggedIn(location.href)).orgs[0];
    if (!first) throw redirect({ to: "/profile" });
    throw redirect({ to: "/o/$org", params: { org: first.slug }, replace: true });
  },
});
const known = {
  ...open,
  beforeLoad: async ({ location }: { location: { href: string } }) => {
    await loggedIn(location.href);
  },
};
const profile = createRoute({
  ...known,
  path: "/profile",
  component: lazyRouteComponent(() => import("@/features/profile/profile"), "Profile"),
});
const admin = createRoute({
  ...known,
  path: "/admin",
  component: lazyRouteComponent(() => import("@/features/admin/admin"), "Admin"),
});

/** Pages of an organisation that one belongs to. */
const org = createRoute({
  ...open,
  path: "/o/$org",
  beforeLoad: async ({ location, params }) => {
    const isMine = ({ orgs }: Schema["Me"]): boolean =>
      orgs.some((one) => one.slug === params.org || one.id === params.org);
    // It may be newer than what is known of oneself.
    if (!isMine(await loggedIn(location.href)) && !isMine(await queries.query({ ...meOptions(), staleTime: 0 })))
      notFound({ throw: true });
  },
  component: lazyRouteComponent(() => import("@/features/shell/shell"), "Shell"),
});
const within = { getParentRoute: () => org };

const overview = createRoute({
  ...within,
  path: "/",
  validateSearch: overviewSearch,
  component: lazyRouteComponent(() => import("@/features/overview/overview"), "Overview"),
});
const requests = createRoute({
  ...within,
  path: "/requests",
  validateSearch: requestSearch,
  component: lazyRouteComponent(() => import("@/features/requests/list"), "Requests"),
});
const request = createRoute({
  ...within,
  path: "/requests/$request",
  component: lazyRouteComponent(() => import("@/features/requests/request_page"), "RequestPage"),
});
const start = createRoute({
  ...within,
  path: "/start",
  component: lazyRouteComponent(() => import("@/features/start/start"), "Start"),
});
const playground = createRoute({
  ...within,
  path: "/playground",
  validateSearch: textsOf("model"),
  component: lazyRouteComponent(() => import("@/features/playground/playground"), "Playground"),
});
const models = createRoute({
  ...within,
  path: "/models",
  validateSearch: textsOf("q", "ability"),
  component: lazyRouteComponent(() => import("@/features/models/models"), "Models"),
});
const routing = createRoute({
  ...within,
  path: "/routes",
  component: lazyRouteComponent(() => import("@/features/routing/routes"), "Routes"),
});
const cache = createRoute({
  ...within,
  path: "/cache",
  component: lazyRouteComponent(() => import("@/features/cache/cache"), "Cache"),
});
const keys = createRoute({
  ...within,
  path: "/keys",
  component: lazyRouteComponent(() => import("@/features/keys/keys"), "Keys"),
});
const team = createRoute({
  ...within,
  path: "/team",
  component: lazyRouteComponent(() => import("@/features/team/team"), "Team"),
});
const providers = createRoute({
  ...within,
  path: "/providers",
  component: lazyRouteComponent(() => import("@/features/providers/providers"), "Providers"),
});
const budgets = createRoute({
  ...within,
  path: "/budgets",
  component: lazyRouteComponent(() => import("@/features/budgets/budgets"), "Budgets"),
});
const billing = createRoute({
  ...within,
  path: "/billing",
  validateSearch: textsOf("paid", "back"),
  component: lazyRouteComponent(() => import("@/features/billing/billing"), "Billing"),
});
const audit = createRoute({
  ...within,
  path: "/audit",
  validateSearch: textsOf("action", "actor"),
  component: lazyRouteComponent(() => import("@/features/audit/audit"), "Audit"),
});
const settings = createRoute({
  ...within,
  path: "/settings",
  component: lazyRouteComponent(() => import("@/features/settings/settings"), "Settings"),
});

const organisation = org.addChildren([
  ...[overview, requests, request, start, playground, models, routing, cache],
  ...[keys, team, providers, budgets, billing, audit, settings],
]);

export const router = createRouter({
  routeTree: root.addChildren([
    ...[landing, pricing, docs, contact, terms, privacy, sla],
    ...[login, signup, forgot, verify, reset, invitation, home, profile, admin],
    organisation,
  ]),
  defaultPreload: "intent",
  defaultPendingComponent: () => <Skeleton className="m-6 h-64" />,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
