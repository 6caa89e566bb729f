/** How a record that was accepted ended; exactly one of these for each, and their sum equals what was accepted (R17).
 *
 *  `done` its handler resolved · `retried` handed off to a retry topic · `deadLettered` handed off to the dead letters ·
 *  `filtered` a filter said it is not for us · `alreadyDone` the completion map says it was handled before ·
 *  `stale` below the position, sent again by the broker · `abandoned` handed back because its partition left or we stopped */
export type Outcome = (typeof outcomes)[number]

export const outcomes = ['done', 'retried', 'deadLettered', 'filtered', 'alreadyDone', 'stale', 'abandoned'] as const

export type OutcomeCounts = { -readonly [O in Outcome]: number }

export function noOutcomes(): OutcomeCounts {
  return { done: 0, retried: 0, deadLettered: 0, filtered: 0, alreadyDone: 0, stale: 0, abandoned: 0 }
}
