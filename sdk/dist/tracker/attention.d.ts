/** How long the page is visible, and how far down it was seen. */
export interface Attention {
    /** What was seen since the last call, if that is at least `seconds` of time. The depth is that of the whole view. */
    take(seconds: number): {
        engaged_s: number;
        scroll_depth: number;
    } | null;
    /** Another view begins. */
    restart(): void;
}
export declare function watchAttention(): Attention;
