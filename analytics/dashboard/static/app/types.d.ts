// Types of the dashboard's modules: what the API answers, as far as a page reads it, and the state of a page.

/** State of a page: what its address says. */
interface State {
  /** A preset's name (state.js), or `custom`. */
  period: string;
  /** Days of a custom period, both included: YYYY-MM-DD. */
  from: string;
  to: string;
  /** `previous`, `year`, `none`, or the first and the last day of a range: `2026-10-01..2026-10-31`. */
  compare: string;
  /** The chosen granularity; empty: what suits the period. */
  unit: string;
  /** The measure in the chart. */
  metric: string;
  /** In the language of the API's parameter `filter`. */
  filter: string;
  view: "chart" | "table";
}
type Go<T = State> = (change: Partial<T>, replace?: boolean) => void;

/** A term of a filter: a condition, a segment, or what this page cannot read. */
interface Term {
  text: string;
  segment?: string;
  field?: string;
  operator?: string;
  values?: string[];
}

interface Figures {
  page_views: number;
  visitors: number;
  visits: number;
  events: number;
  bounce_rate: number | null;
  avg_visit_duration_s: number | null;
  views_per_visit: number | null;
}
type Measure = keyof Figures;
interface Point extends Figures {
  ts: string;
  to: string;
  date: string;
}
interface Meta {
  site: string;
  zone: string;
  from: string;
  to: string;
  source: "rollup" | "raw";
  complete_through: string | null;
  computed_at: string;
  scope?: string;
}
interface Row extends Partial<Record<Measure, number | null>> {
  value: string | null;
  share: number;
  previous?: Partial<Record<Measure, number | null>>;
  change?: Partial<Record<Measure, number | null>>;
}
interface List {
  dimension: string;
  ranked_by: string;
  total: number;
  value_count: number;
  rows: Row[];
  next_cursor: string | null;
}
interface Goal {
  id: string;
  name: string;
  conversions: number | null;
  users: number | null;
  rate: number | null;
}
interface Overview extends Figures {
  granularity: string;
  series: Point[];
  previous?: Figures & { from: string; to: string; series: Point[] };
  change?: Record<Measure, number | null>;
  breakdowns: Record<string, List>;
  goals: Goal[];
  busiest_hours: { page_views: number[][]; visits: number[][] };
  meta: Meta;
}
interface SiteRow {
  key: string;
  name: string;
  zone: string;
  first_event_at: string | null;
  visitors: number;
  spark: number[];
  online: number;
  previous?: { visitors: number };
  change?: { visitors: number | null };
}
interface Segment {
  id: string;
  name: string;
  filter: string;
  term: string;
}
interface DayNote {
  id: string;
  day: string;
  text: string;
}
interface Realtime {
  current_visitors: number;
  series: { views: number }[] | null;
}

/** An error of the API (problem+json), or of the network: then without a status. */
interface Failure {
  message: string;
  status?: number;
  code?: string;
  /** Days of the period that the API proposes in place of one that took too long. */
  days?: number;
}
interface Report<T> {
  data: T | null;
  /** Of which address `data` is. */
  isBusy: boolean;
  error: Failure | null;
  took: number;
  retry: () => void;
}

/** A page of a site: the one list of them is in main.js. */
interface PageEntry {
  name: string;
  /** Of the text in the side bar, where it is not the name. */
  word?: Word;
  /** Behind `/sites/<key>`. */
  path: string;
  icon: string;
  group: string;
  /** The key that opens it after G. */
  key: string;
}

/** A tab of a panel. `kind`: how its rows are shown. */
interface Tab {
  name: string;
  dimension: string;
  measure: Measure;
  kind?: "map" | "goals";
}

/** The key of a text in words.js. */
type Word = import("./words.js").Word;

/** A click on a row: makes its value the filter's, or takes it out. */
type Choose = (dimension: string, value: string | null) => void;

/** The dialog that is open. `index`: of the filter's term that is changed. */
type Opened = { kind: "details"; tab: Tab } | { kind: "filter"; index: number | null } | { kind: "segment" } | { kind: "help" }
  | { kind: "share" } | { kind: "notes"; day: string; notes: DayNote[] };

/** What the parts of the overview share. */
interface OverviewContext {
  state: State;
  go: Go;
  pages: PageEntry[];
  open: (what: Opened) => void;
}
interface DialogsProps {
  opened: Opened | null;
  state: State;
  go: Go;
  pages: PageEntry[];
  choose: Choose;
  close: () => void;
  reloadNotes: () => void;
  say: (said: Said) => void;
}
/** A message at the edge of the page; `undo` takes back what it tells. */
interface Said {
  text: string;
  undo?: () => void;
}
/** A message at the edge of the page; `undo` takes back what it tells. */
interface Said {
  text: string;
  undo?: () => void;
}
interface MenuProps {
  label: unknown;
  /** Names the list for screen readers. */
  title: string;
  children: unknown;
  icon?: string;
  /** A class of the menu. */
  kind?: string;
  /** The class of its button. */
  button?: string;
  /** Whether the list is aligned with the start of the button, not with its end. */
  isStart?: boolean;
  onOpen?: () => void;
}
interface ValueRowProps {
  row: Row;
  dimension: string;
  measure: Measure;
  total: number;
  max: number;
  isChosen: boolean;
  choose: Choose;
}
/** The pages of details that were read so far. */
interface DetailPages {
  rows: Row[] | null;
  ranked: string;
  next: string | null;
  error: Failure | null;
}
interface TipProps {
  plan: import("../charts/line.js").Plan;
  index: number;
  point: Point;
  other?: Point;
  metric: Measure;
  unit: string;
  width: number;
  notes: DayNote[];
}

/** A condition while it is made. `property`: where the field is `payload`; `typed`: a value that is not added yet. */
interface FilterDraft {
  field: string;
  property: string;
  operator: string;
  values: string[];
  typed: string;
}
