/** One member of a classic group, and what the coordinator owes it: an answer to a join, to a sync, and a session. */

import { type BrokerTimer } from '../core/clock.ts'
import { type ErrorCode } from '../protocol/error-code.ts'

export type MemberProtocol = { readonly name: string; readonly metadata: Buffer }

export type JoinAnswer = {
  readonly errorCode: ErrorCode
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly skipAssignment: boolean
  readonly memberId: string
  readonly members: { memberId: string; groupInstanceId: string | null; metadata: Buffer }[]
}

export type SyncAnswer = {
  readonly errorCode: ErrorCode
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignment: Buffer
}

export type Member = {
  memberId: string
  readonly groupInstanceId: string | null
  clientId: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly MemberProtocol[]
  assignment: Buffer
  /** Not answered yet for the first time: such a member has a longer session, because it cannot send heartbeats. */
  isNew: boolean
  session: BrokerTimer | undefined
  answerJoin: ((answer: JoinAnswer) => void) | undefined
  answerSync: ((answer: SyncAnswer) => void) | undefined
}

export const noAssignment: Buffer = Buffer.alloc(0)

export function failedJoin(errorCode: ErrorCode, memberId: string): JoinAnswer {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  }
}

export function failedSync(errorCode: ErrorCode): SyncAnswer {
  return { errorCode, protocolType: null, protocolName: null, assignment: noAssignment }
}

export function hasSameProtocols(member: Member, protocols: readonly MemberProtocol[]): boolean {
  return (
    member.protocols.length === protocols.length &&
    member.protocols.every((own, index) => {
      const other = protocols[index]
      return other !== undefined && own.name === other.name && own.metadata.equals(other.metadata)
    })
  )
}

/** The protocol that all members speak and most of them prefer; undefined if they share none. */
export function selectProtocol(members: readonly Member[]): string | undefined {
  const votes = new Map<string, number>()
  for (const member of members) {
    const vote = member.protocols.find((protocol) => members.every((other) => speaks(other, protocol.name)))
    if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1)
  }
  let winner: string | undefined
  for (const [name, count] of votes) {
    if (winner === undefined || count > (votes.get(winner) ?? 0)) winner = name
  }
  return winner
}

export function speaks(member: Member, protocolName: string): boolean {
  return member.protocols.some((protocol) => protocol.name === protocolName)
}
