declare const isNext: unique symbol

/** The offset of the next record to read. Only a `NextOffset` can be committed, and only `nextAfter` and `startAt` make
 *  one, so that "this record's or the one after it?" is asked once, here, and not at every call. */
export type NextOffset = number & { readonly [isNext]: true }

/** The position behind a record. */
export function nextAfter(offset: number): NextOffset {
  return startAt(offset + 1)
}

/** A position that a broker or a ledger already expressed as "read this next". Throws unless it is an exact offset. */
export function startAt(offset: number): NextOffset {
  if (!Number.isSafeInteger(offset) || offset < 0)
    throw new RangeError(`expected an offset, a safe integer ≥ 0, got ${offset}`)
  return offset as NextOffset
}
