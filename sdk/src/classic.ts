/** The same names for pages without modules: `<script src="…/analytics.classic.js">` puts them on `window`. */
import { AnalyticsClient } from "./client.js";
import { AnalyticsSDK, ApiError } from "./reader.js";

Object.assign(window, { AnalyticsClient, AnalyticsSDK, ApiError });
