/** What a run of rows against a broker says at its end: the rows that failed. */

export type LenientReport = { readonly failed: readonly { readonly id: string; readonly message: string }[] }
