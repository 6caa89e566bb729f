/** Every rule of the house, in the order in which a newcomer should read them. */
import { fenceRule, linkRule, mapRule } from './documents.ts'
import { layerRule, lazyClientRule } from './layers.ts'
import { lockRule } from './lock.ts'
import { plantedRule } from './planted.ts'
import { clockRule, engineRule, loadRule } from './purity.ts'
import { formRule, sizeRule } from './shape.ts'
import { type Problem, type Rule, type Tree } from './source.ts'
import { testRule } from './tests.ts'
import { machineRule, nameRule, promiseRule } from './words.ts'

export const rules: readonly Rule[] = [
  layerRule,
  lazyClientRule,
  engineRule,
  clockRule,
  loadRule,
  sizeRule,
  formRule,
  nameRule,
  promiseRule,
  machineRule,
  testRule,
  fenceRule,
  linkRule,
  mapRule,
  lockRule,
  plantedRule,
]

export type Finding = Problem & { readonly rule: string }

export function inspect(tree: Tree): Finding[] {
  return rules.flatMap((rule) => rule.check(tree).map((problem) => ({ ...problem, rule: rule.id })))
}
