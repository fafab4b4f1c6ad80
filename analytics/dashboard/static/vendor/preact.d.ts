// What preact.js exports, as far as the dashboard uses it.
export type Node = unknown;
export type Setter<T> = (next: T | ((before: T) => T)) => void;
export function html(strings: TemplateStringsArray, ...values: unknown[]): any;
export function render(node: Node, into: Element): void;
export function useState<T>(first: T | (() => T)): [T, Setter<T>];
export function useRef<T>(): { current: T };
export function useRef<T>(first: T): { current: T };
export function useEffect(run: () => void | (() => void), on?: unknown[]): void;
export function useLayoutEffect(run: () => void | (() => void), on?: unknown[]): void;
export function useMemo<T>(make: () => T, on: unknown[]): T;
export function useCallback<T extends Function>(call: T, on: unknown[]): T;
