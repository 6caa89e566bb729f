/** Remembers what is wrong with a definition (a topic, a codec) until the settings are checked, so that a definition never
 *  throws while modules load, and all problems of an app are told at once. */

import type { SettingsIssue } from '../model/errors.ts'

const flaws = new WeakMap<object, SettingsIssue[]>()

export function noteFlaw<T extends object>(definition: T, issue: SettingsIssue): T {
  flaws.set(definition, [...flawsOf(definition), issue])
  return definition
}

export function flawsOf(definition: object): readonly SettingsIssue[] {
  return flaws.get(definition) ?? []
}
