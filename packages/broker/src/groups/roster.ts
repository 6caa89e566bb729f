/** Who is in a group: members by id, static members by instance, and which of them leads. Answers questions about them
 *  and starts nothing: timers and answers belong to `classic-group.ts`. */

import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import type { ClassicGroupState } from './commands.ts'
import { subscribedTopics } from './embedded-protocol.ts'
import { type JoinAnswer, type Member, noAssignment, selectProtocol, speaks } from './member.ts'

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

  /** While members join again, those count that have done so: who comes last finds the group full. */
  hasRoomFor(memberId: string, state: ClassicGroupState, membersMax: number): boolean {
    switch (state) {
      case 'preparing': {
        const waiting = this.all.filter(({ answerJoin }) => answerJoin !== undefined)
        return waiting.length < membersMax || waiting.some((member) => member.memberId === memberId)
      }
      case 'completing':
      case 'stable':
        return this.#members.has(memberId) || this.size < membersMax
      case 'empty':
      case 'dead':
        return true
    }
  }

  /** Whether a member wants the topic, as far as anybody can tell: of consumers that say nothing it is assumed. */
  wants(topic: string, protocolName: string | null): boolean {
    return this.all.some((member) => {
      const topics = subscribedTopics(metadataFor(member, protocolName))
      return topics === undefined || topics.includes(topic)
    })
  }

  /** Only the leader hears who else is in the group. */
  joinAnswer(
    member: Member,
    generationId: number,
    protocolType: string | null,
    protocolName: string | null,
  ): JoinAnswer {
    const isLeader = member.memberId === this.#leaderId
    const known = isLeader ? this.all : []
    return {
      errorCode: errorCode.none,
      generationId,
      protocolType,
      protocolName,
      leader: this.#leaderId,
      skipAssignment: false,
      memberId: member.memberId,
      members: known.map((each) => ({
        memberId: each.memberId,
        groupInstanceId: each.groupInstanceId,
        metadata: metadataFor(each, protocolName),
      })),
    }
  }
}

function metadataFor({ protocols }: Member, protocolName: string | null): Buffer {
  return protocols.find(({ name }) => name === protocolName)?.metadata ?? noAssignment
}
