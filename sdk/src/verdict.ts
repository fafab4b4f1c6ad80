/** What a status means for the batch that was sent. The sender acts on it. */

export const enum Verdict {
  /** The server has it. */
  Taken,
  /** Ask for a token, or wait for one. */
  NeedsToken,
  /** An operator has to change something: try now and then. */
  Blocked,
  /** Send less at once. */
  TooLarge,
  /** The server will never take it. */
  Refused,
  /** Send it again. */
  Retry,
}

export function judge(status: number): Verdict {
  if (status < 300) return Verdict.Taken;
  if (status === 401) return Verdict.NeedsToken;
  if (status === 403 || status === 404) return Verdict.Blocked;
  if (status === 413) return Verdict.TooLarge;
  return status > 499 || status < 400 || [408, 425, 429].includes(status) ? Verdict.Retry : Verdict.Refused;
}
