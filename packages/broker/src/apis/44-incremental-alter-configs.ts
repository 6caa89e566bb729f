/** IncrementalAlterConfigs: 0–1 (KIP-339). Sets, deletes, appends to and subtracts from single settings; all or none of a
 *  resource. 1: flexible */

import type { Handler } from '../core/broker-state.ts'
import { listOf } from '../core/config-definition.ts'
import type { RequestOf } from '../protocol/apis.ts'
import { errorCode, Refusal } from '../protocol/error-code.ts'
import { alterAll, checkNoNulls, type ConfigTarget } from './config-changes.ts'

type Change = RequestOf<'IncrementalAlterConfigs'>['resources'][number]['configs'][number]

const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const

export const incrementalAlterConfigs: Handler<'IncrementalAlterConfigs'> = (request, context) => ({
  responses: alterAll(request.resources, request.validateOnly, context, (target, configs) => {
    checkNoNulls(configs.filter(({ configOperation }) => configOperation !== operation.delete))
    const next = new Map(target.current)
    for (const change of configs) apply(change, target, next)
    return next
  }),
})

function apply({ name, configOperation, value }: Change, target: ConfigTarget, next: Map<string, string>): void {
  switch (configOperation) {
    case operation.set:
      next.set(name, value ?? '')
      return
    case operation.delete:
      next.delete(name)
      return
    case operation.append:
    case operation.subtract: {
      const isAppend = configOperation === operation.append
      if (target.typeOf(name) !== 'list') throw target.notAList(name, isAppend ? 'APPEND' : 'SUBTRACT')
      const before = listOf(target.valueOf(name))
      // Nothing is an element too, and one that no list takes.
      const given = (value ?? '').split(',').map((element) => element.trim())
      const after = isAppend
        ? [...new Set([...before, ...given])]
        : before.filter((element) => !given.includes(element))
      // Also where nothing changes: a default becomes a value of its own.
      next.set(name, after.join(','))
      return
    }
    default:
      throw new Refusal(errorCode.unknownServerError, `expected an operation from 0 to 3, got ${configOperation}`)
  }
}
