/** One member of a classic group, and what the coordinator owes it: an answer to a join, to a sync, and a session. */

import type { BrokerTimer } from '../core/clock.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import type { JoinCommand } from './commands.ts'

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

export function newMember(memberId: string, command: JoinCommand): Member {
  const { groupInstanceId, clientId, sessionTimeoutMs, rebalanceTimeoutMs, protocols } = command
  return {
    memberId,
    groupInstanceId,
    clientId,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocols,
    assignment: noAssignment,
    isNew: true,
    session: undefined,
    answerJoin: undefined,
    answerSync: undefined,
  }
}

/** What a member says anew when it joins again. */
export function updateMember(member: Member, command: JoinCommand): void {
  member.clientId = command.clientId
  member.protocols = command.protocols
  member.sessionTimeoutMs = command.sessionTimeoutMs
  member.rebalanceTimeoutMs = command.rebalanceTimeoutMs
}

export function failedJoin(code: ErrorCode, memberId: string): JoinAnswer {
  return {
    errorCode: code,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  }
}

export function failedSync(code: ErrorCode): SyncAnswer {
  return { errorCode: code, protocolType: null, protocolName: null, assignment: noAssignment }
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

/** Owes the member an answer to its join. An older join of it lost its connection; nobody hears what that is told. */
export function waitForJoin(member: Member): Promise<JoinAnswer> {
  member.answerJoin?.(failedJoin(errorCode.rebalanceInProgress, member.memberId))
  return new Promise((resolve) => {
    member.answerJoin = resolve
  })
}

export function answerJoin(member: Member, answer: JoinAnswer): void {
  const resolve = member.answerJoin
  member.answerJoin = undefined
  resolve?.(answer)
}

export function answerSync(member: Member, answer: SyncAnswer): void {
  const resolve = member.answerSync
  member.answerSync = undefined
  resolve?.(answer)
}

/** Refuses whatever the member still waits for. */
export function settle(member: Member, code: ErrorCode): void {
  answerJoin(member, failedJoin(code, member.memberId))
  answerSync(member, failedSync(code))
}
