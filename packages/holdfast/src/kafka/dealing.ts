/** Decides who gets what when things are dealt out among members: as even as the subscriptions allow, whoever had something
 *  keeps it as far as that goes, and the same for the same input, whatever its order. What the things are, assignors say. */

/** One thing that goes to one member as a whole. */
export type Unit<T> = {
  readonly content: T
  /** Who may have it, sorted. */
  readonly takers: readonly string[]
  /** Who had it and may keep it, if that leaves the shares even; null for nobody. */
  readonly keeper: string | null
}

/** Each unit stays with its keeper, the others go to whoever has the fewest so far among those who may have them; then
 *  shares are levelled. `units` come in an order of their own; a unit without takers goes to nobody. */
export function deal<T>(units: readonly Unit<T>[], memberIds: readonly string[]): Map<string, Unit<T>[]> {
  const shares = new Map(memberIds.toSorted(compare).map((memberId): [string, Unit<T>[]] => [memberId, []]))
  for (const unit of units) if (unit.keeper !== null) shares.get(unit.keeper)?.push(unit)
  // What only few may take should not meet them when they are full.
  const free = units.filter(({ keeper }) => keeper === null).toSorted((a, b) => a.takers.length - b.takers.length)
  for (const unit of free) shares.get(smallest(unit.takers, shares))?.push(unit)
  level(shares)
  return shares
}

/** By code unit, the same on every machine. */
export function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

type Shares<T> = ReadonlyMap<string, Unit<T>[]>

/** `to` may take `unit` from `from`. */
type Move<T> = { readonly from: string; readonly to: string; readonly unit: Unit<T> }

/** Moves units, over third members if need be, until no share is larger by two than one it could feed. Each round makes
 *  the sum of squares smaller, so this ends, and no other division has a smaller one. */
function level<T>(shares: Shares<T>): void {
  for (let moves = findMoves(shares); moves !== null; moves = findMoves(shares)) {
    for (const { from, to, unit } of moves) {
      const share = shares.get(from) ?? []
      share.splice(share.indexOf(unit), 1)
      shares.get(to)?.push(unit)
    }
  }
}

/** A chain of moves that takes one unit from a largest share that can spare one to the smallest that it can feed. */
function findMoves<T>(shares: Shares<T>): Move<T>[] | null {
  const smallestSize = Math.min(...[...shares.values()].map((share) => share.length))
  const givers = [...shares].toSorted(([, a], [, b]) => b.length - a.length)
  for (const [giver, giversShare] of givers) {
    if (giversShare.length < smallestSize + 2) return null
    const arrivals = arrivalsFrom(giver, shares, smallestSize)
    const taker = smallest([...arrivals.keys()], shares)
    if ((shares.get(taker)?.length ?? 0) + 2 <= giversShare.length) return chainTo(taker, arrivals)
  }
  return null
}

/** Whom a unit can reach from `giver`, over how few others, and by which last move. Ends at the first of the smallest: no
 *  other would be better. */
function arrivalsFrom<T>(giver: string, shares: Shares<T>, smallestSize: number): ReadonlyMap<string, Move<T> | null> {
  const arrivals = new Map<string, Move<T> | null>([[giver, null]])
  // A map's iterator also visits what is added on the way: this walks breadth first.
  for (const from of arrivals.keys()) {
    for (const unit of newestFirst(shares.get(from) ?? [], from)) {
      for (const to of unit.takers) {
        if (arrivals.has(to)) continue
        arrivals.set(to, { from, to, unit })
        if (shares.get(to)?.length === smallestSize) return arrivals
      }
    }
  }
  return arrivals
}

/** What a member did not have before is given away before what it had: only that costs anything. */
function newestFirst<T>(share: readonly Unit<T>[], member: string): readonly Unit<T>[] {
  if (share.every((unit) => unit.keeper === null)) return share
  return [...share.filter((unit) => unit.keeper !== member), ...share.filter((unit) => unit.keeper === member)]
}

function chainTo<T>(end: string, arrivals: ReadonlyMap<string, Move<T> | null>): Move<T>[] {
  const moves: Move<T>[] = []
  for (let move = arrivals.get(end) ?? null; move !== null; move = arrivals.get(move.from) ?? null) moves.unshift(move)
  return moves
}

/** The first of the candidates that have the fewest. */
function smallest<T>(candidates: readonly string[], shares: Shares<T>): string {
  let best = candidates[0] ?? ''
  for (const candidate of candidates) {
    if ((shares.get(candidate)?.length ?? 0) < (shares.get(best)?.length ?? 0)) best = candidate
  }
  return best
}
