/** Who is in a group: members by id, static members by instance, and which of them leads. Answers questions about them
 *  and starts nothing: timers and answers belong to `classic-group.ts`. */

import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { type Member, selectProtocol, speaks } from './member.ts'

export class Roster {
  #members = new Map<string, Member>()
  readonly #instances = new Map<string, string>()
  #leaderId = ''

  get all(): readonly Member[] {
    return [...this.#members.values()]
  }

  get size(): number {
    return this.#members.size
  }

  /** Empty without members; the first member leads until it goes. */
  get leaderId(): string {
    return this.#leaderId
  }

  get(memberId: string): Member | undefined {
    return this.#members.get(memberId)
  }

  memberIdOf(groupInstanceId: string): string | undefined {
    return this.#instances.get(groupInstanceId)
  }

  add(member: Member): void {
    this.#members.set(member.memberId, member)
    if (member.groupInstanceId !== null) this.#instances.set(member.groupInstanceId, member.memberId)
    if (this.#leaderId === '') this.#leaderId = member.memberId
  }

  remove(member: Member): void {
    this.#members.delete(member.memberId)
    if (member.groupInstanceId !== null) this.#instances.delete(member.groupInstanceId)
    if (this.#leaderId === member.memberId) this.#leaderId = this.all[0]?.memberId ?? ''
  }

  /** Gives a static member a new id and leaves everything else about it, its place in the order too. */
  rename(member: Member, memberId: string): void {
    const previousId = member.memberId
    member.memberId = memberId
    this.#members = new Map(this.all.map((each) => [each.memberId, each]))
    if (member.groupInstanceId !== null) this.#instances.set(member.groupInstanceId, memberId)
    if (this.#leaderId === previousId) this.#leaderId = memberId
  }

  /** Why somebody is not who it says it is; undefined if it is a member. */
  identityProblem(memberId: string, groupInstanceId: string | null): ErrorCode | undefined {
    if (groupInstanceId !== null) {
      const owner = this.#instances.get(groupInstanceId)
      if (owner === undefined) return errorCode.unknownMemberId
      if (owner !== memberId) return errorCode.fencedInstanceId
    }
    return this.#members.has(memberId) ? undefined : errorCode.unknownMemberId
  }

  /** Whether one of these protocols is spoken by every member. */
  sharesProtocol(protocols: readonly { readonly name: string }[]): boolean {
    return protocols.some(({ name }) => this.all.every((member) => speaks(member, name)))
  }

  selectProtocol(): string | null {
    return selectProtocol(this.all) ?? null
  }

  get rebalanceTimeoutMs(): number {
    return Math.max(0, ...this.all.map((member) => member.rebalanceTimeoutMs))
  }

  get haveAllJoined(): boolean {
    return this.all.every((member) => member.answerJoin !== undefined)
  }

  /** Only who is there can compute an assignment: leadership moves to a member that waits. False if none does. */
  electJoinedLeader(): boolean {
    if (this.get(this.#leaderId)?.answerJoin !== undefined) return true
    const joined = this.all.find((member) => member.answerJoin !== undefined)
    if (joined !== undefined) this.#leaderId = joined.memberId
    return joined !== undefined
  }
}
