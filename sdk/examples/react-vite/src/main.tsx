import { AnalyticsProvider } from "analytics-sdk/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";

// The address of the server, and a publishable key of it: flask key create --publishable --site shop --origin …
const apiUrl = import.meta.env.VITE_ANALYTICS_URL ?? "http://localhost:8000";
const key = import.meta.env.VITE_ANALYTICS_KEY;

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <AnalyticsProvider apiUrl={apiUrl} options={{ key, site: "shop" }}>
      <App />
    </AnalyticsProvider>
  </StrictMode>,
);
