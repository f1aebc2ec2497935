/** The pages and what stands in their addresses. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from "@tanstack/react-router";
import { Shell } from "./shell/shell";
import { Button } from "./ui/button";
import { Empty, Loading, Notice } from "./ui/feedback";

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);

const root = createRootRoute({
  component: Shell,
  /** `account`: a margin account to look at, whoever is connected. */
  validateSearch: (search: Record<string, unknown>): { account?: string } => {
    const account = text(search.account);
    return account ? { account } : {};
  },
  notFoundComponent: () => <Empty title="There is no such page" />,
});

const portfolio = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/portfolio/page"), "PortfolioPage"),
});

const trade = createRoute({
  getParentRoute: () => root,
  path: "/trade",
  /** `market`: the key of its terms. */
  validateSearch: (search: Record<string, unknown>): { market?: string } => {
    const market = text(search.market);
    return market ? { market } : {};
  },
  component: lazyRouteComponent(() => import("./pages/trade/page"), "TradePage"),
});

const options = createRoute({
  getParentRoute: () => root,
  path: "/options",
  validateSearch: (search: Record<string, unknown>): { underlying?: number; expiry?: number } => ({
    ...(typeof search.underlying === "number" ? { underlying: search.underlying } : {}),
    ...(typeof search.expiry === "number" ? { expiry: search.expiry } : {}),
  }),
  component: lazyRouteComponent(() => import("./pages/options/page"), "OptionsPage"),
});

const simulator = createRoute({
  getParentRoute: () => root,
  path: "/simulator",
  /** `scene`: everything that was changed, so that a link restores it. */
  validateSearch: (search: Record<string, unknown>): { scene?: string } => {
    const scene = text(search.scene);
    return scene ? { scene } : {};
  },
  component: lazyRouteComponent(() => import("./pages/simulator/page"), "SimulatorPage"),
});

const history = createRoute({
  getParentRoute: () => root,
  path: "/history",
  component: lazyRouteComponent(() => import("./pages/history/page"), "HistoryPage"),
});

const status = createRoute({
  getParentRoute: () => root,
  path: "/status",
  component: lazyRouteComponent(() => import("./pages/status/page"), "StatusPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([portfolio, trade, options, simulator, history, status]),
  defaultPreload: "intent",
  defaultPendingComponent: () => <Loading rows={6} />,
  defaultErrorComponent: ({ error, reset }) => (
    <Notice tone="down" title="This page has failed">
      <p>{error instanceof Error ? error.message : String(error)}</p>
      <Button className="mt-2" onClick={reset}>
        Try again
      </Button>
    </Notice>
  ),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
