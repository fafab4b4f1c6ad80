// What most pages import: one file of the build (tools/build_dashboard.mjs). No source imports this one.
import "../vendor/preact.js";
import "./main.js";
import "./format.js";
import "./keys.js";
import "../parts/rows.js";
import "../parts/sidebar.js";
import "../parts/filters.js";
import "../parts/frame.js";
import "../charts/scale.js";
