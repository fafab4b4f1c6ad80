"use client";

import { AnalyticsProvider, usePageViews } from "analytics-sdk/react";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";

/** What an expired token is replaced with: the route handler knows who is signed in. */
async function onToken(): Promise<string | null> {
  const response = await fetch("/analytics-token", { method: "POST" });
  return response.ok ? ((await response.json()) as { token: string }).token : null;
}

export function Analytics({ children }: { children: ReactNode }) {
  const apiUrl = process.env.NEXT_PUBLIC_ANALYTICS_URL ?? "http://localhost:8000";
  const key = process.env.NEXT_PUBLIC_ANALYTICS_KEY;
  return (
    <AnalyticsProvider apiUrl={apiUrl} options={{ key, site: "shop", onToken }}>
      <PageViews />
      {children}
    </AnalyticsProvider>
  );
}

function PageViews() {
  usePageViews(usePathname());
  return null;
}
