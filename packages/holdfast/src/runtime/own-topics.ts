/** Sees to it that the topics of ours exist and lose nothing, before a group reads its first record (R18, R21). It decides
 *  what is created, what is refused and which dead letters are used; how topics have to be is `own-topics-wanted.ts`. */
import { HoldfastError } from '../model/errors.ts'
import type { GroupSettings } from '../model/settings.ts'
import { type FoundTopic, OwnTopicsRequests, type OwnTopicsParts } from './own-topics-requests.ts'
import {
  alterCommand,
  checkTopic,
  configsOf,
  createCommand,
  type SourceTopic,
  type TopicConfigs,
  type WantedTopic,
  wantedTopics,
} from './own-topics-wanted.ts'

export type { OwnTopicsParts } from './own-topics-requests.ts'

/** A topic that was made a moment ago may not be known yet to the broker that is asked. */
const patienceMs = 2_000

type Sources = ReadonlyMap<string, SourceTopic>
type Problem = { readonly line: string; readonly command: string; readonly isMissing: boolean }

export class OwnTopics {
  /** By source topic: where its dead letters go; null if nowhere. */
  readonly deadLetterTopics: ReadonlyMap<string, string | null>
  /** What works but is not as it should be, a sentence each. */
  readonly warnings: readonly string[]
  readonly #make: (wanted: WantedTopic) => Promise<void>
  /** What is made when it is needed, and what is being made. */
  readonly #later: Map<string, WantedTopic>
  readonly #making = new Map<string, Promise<void>>()

  constructor(given: {
    readonly deadLetterTopics: ReadonlyMap<string, string | null>
    readonly warnings: readonly string[]
    readonly later: readonly WantedTopic[]
    readonly make: (wanted: WantedTopic) => Promise<void>
  }) {
    this.deadLetterTopics = given.deadLetterTopics
    this.warnings = given.warnings
    this.#later = new Map(given.later.map((wanted) => [wanted.topic, wanted]))
    this.#make = given.make
  }

  /** Resolves when the topic is there, having made it if it is one of those that are made on their first use. Callers at the
   *  same time share the work; after a failure the next one tries again. */
  ensure(topic: string): Promise<void> {
    const wanted = this.#later.get(topic)
    if (wanted === undefined) return Promise.resolve()
    let making = this.#making.get(topic)
    if (making === undefined) {
      making = this.#make(wanted)
        .then(() => void this.#later.delete(topic))
        .finally(() => this.#making.delete(topic))
      this.#making.set(topic, making)
    }
    return making
  }
}

/** Asks, checks and creates as the group's policy says. Rejects with TOPIC_MISSING or OWN_TOPIC_INVALID that names all
 *  problems at once with the command for each, with AUTHORIZATION_FAILED, KAFKA_ERROR or BROKER_UNREACHABLE. */
export async function prepareOwnTopics(parts: OwnTopicsParts, settings: GroupSettings): Promise<OwnTopics> {
  const wanted = wantedTopics(settings)
  const requests = new OwnTopicsRequests(parts)
  const whenRunning = new OwnTopicsRequests({ ...parts, signal: parts.drainedSignal ?? parts.signal })
  const nothing = { later: [], warnings: [], make: () => Promise.resolve() }
  if (wanted.length === 0 || settings.ownTopics === 'ignore') {
    // Nobody was asked whether dead letters exist that nobody asked for, and a write to a missing topic blocks its partition.
    const isUsed = ({ isRequired }: WantedTopic): boolean => isRequired
    return new OwnTopics({ ...nothing, deadLetterTopics: deadLettersOf(settings, wanted.filter(isUsed)) })
  }
  const names = new Set(wanted.flatMap(({ topic, source }) => [topic, source]))
  const found = await findAll(parts, requests, wanted, names, settings.ownTopics)
  const sources = await sourcesOf(requests, wanted, found)
  const isMissing = ({ topic }: WantedTopic): boolean => !found.has(topic)
  const missing = wanted.filter(isMissing)
  const mayCreate = settings.ownTopics === 'create'

  const later = mayCreate ? missing.filter(({ isRequired }) => !isRequired) : []
  const required = missing.filter(({ isRequired }) => isRequired)
  const check = (asking: OwnTopicsRequests, topics: readonly WantedTopic[], there: typeof found): Promise<string[]> =>
    checkAll({ requests: asking, group: settings.group, sources, missing: mayCreate ? [] : required }, topics, there)
  const warnings = await check(
    requests,
    wanted.filter((each) => !isMissing(each)),
    found,
  )

  const make = async (asking: OwnTopicsRequests, topics: readonly WantedTopic[]): Promise<string[]> => {
    if (topics.length === 0) return []
    await asking.create(topics.map((each) => newTopic(each, sources)))
    const there = await asking.awaitReady(topics.map(({ topic }) => topic))
    // Somebody else may have made it at the same moment, and differently.
    return check(asking, topics, there)
  }
  if (mayCreate) warnings.push(...(await make(requests, required)))
  const used = wanted.filter((each) => mayCreate || !isMissing(each))
  return new OwnTopics({
    deadLetterTopics: deadLettersOf(settings, used),
    warnings,
    later,
    make: async (each) => void (await make(whenRunning, [each])),
  })
}

async function findAll(
  { clock }: OwnTopicsParts,
  requests: OwnTopicsRequests,
  wanted: readonly WantedTopic[],
  names: ReadonlySet<string>,
  policy: 'create' | 'verify',
): Promise<ReadonlyMap<string, FoundTopic>> {
  const untilMs = clock.monotonicMs() + patienceMs
  for (;;) {
    const found = await requests.find([...names])
    const isLacking = wanted.some(
      ({ topic, source, isRequired }) => !found.has(source) || (policy === 'verify' && isRequired && !found.has(topic)),
    )
    if (!isLacking || clock.monotonicMs() >= untilMs) return found
    await requests.pause()
  }
}

async function sourcesOf(
  requests: OwnTopicsRequests,
  wanted: readonly WantedTopic[],
  found: ReadonlyMap<string, FoundTopic>,
): Promise<Sources> {
  const names = [...new Set(wanted.map(({ source }) => source))]
  const lost = names.filter((name) => (found.get(name)?.partitions ?? 0) === 0)
  if (lost.length > 0) {
    throw new HoldfastError(
      'TOPIC_MISSING',
      `expected the topics ${lost.join(', ')} to exist, got no partitions for them`,
      {
        remedy: 'Create them first: a consumer does not create what it reads.',
      },
    )
  }
  const configs = await requests.configsOf(names)
  return new Map(
    names.map((name) => {
      const sizeMax = Number(configs.get(name)?.get('max.message.bytes') ?? Number.NaN)
      const messageBytesMax = Number.isSafeInteger(sizeMax) ? sizeMax : null
      return [name, { partitions: found.get(name)?.partitions ?? 0, messageBytesMax }]
    }),
  )
}

type Check = {
  readonly requests: OwnTopicsRequests
  readonly group: string
  readonly sources: Sources
  /** Told of together with what is wrong with the others. */
  readonly missing: readonly WantedTopic[]
}

/** The warnings about topics that exist; throws what is worse. */
async function checkAll(
  { requests, group, sources, missing }: Check,
  topics: readonly WantedTopic[],
  found: ReadonlyMap<string, FoundTopic>,
): Promise<string[]> {
  const configs = await requests.configsOf(topics.map(({ topic }) => topic))
  const { bootstrap } = requests
  const problems = missing.map((wanted): Problem => {
    const command = createCommand(wanted, sourceOf(wanted, sources), bootstrap)
    return { line: `${wanted.topic} does not exist`, command, isMissing: true }
  })
  const warnings: string[] = []
  for (const wanted of topics) {
    const { topic } = wanted
    const there: TopicConfigs = configs.get(topic) ?? new Map()
    const partitions = found.get(topic)?.partitions ?? 0
    const checked = checkTopic(wanted, sourceOf(wanted, sources), { partitions, configs: there })
    warnings.push(...checked.warnings)
    if (checked.problems.length === 0) continue
    const lines = checked.problems.map(
      ({ config, problem, expected }) =>
        `${topic}: ${config} must be ${expected}, got ${there.get(config)}: ${problem}`,
    )
    const command = alterCommand(topic, checked.problems, bootstrap)
    problems.push({ line: lines.join('\n  '), command, isMissing: false })
  }
  if (problems.length > 0) throw unfit(group, problems)
  return warnings
}

function unfit(group: string, problems: readonly Problem[]): HoldfastError {
  const lines = problems.map(({ line }) => `  ${line}`)
  const commands = problems.map(({ command }) => `  ${command}`)
  const isMissing = problems.some((problem) => problem.isMissing)
  const count = problems.length === 1 ? 'a topic' : `${problems.length} topics`
  return new HoldfastError(
    isMissing ? 'TOPIC_MISSING' : 'OWN_TOPIC_INVALID',
    `${count} of the group ${group} cannot be used as ${problems.length === 1 ? 'it is' : 'they are'}:\n${lines.join('\n')}`,
    {
      remedy: `Run this${isMissing ? `, or let Holdfast create topics with topics: 'create'` : ''}:\n${commands.join('\n')}`,
    },
  )
}

function deadLettersOf(settings: GroupSettings, used: readonly WantedTopic[]): ReadonlyMap<string, string | null> {
  const names = new Set(used.map(({ topic }) => topic))
  return new Map(
    settings.subscriptions.map(({ topic, deadLetters }) => [
      topic,
      deadLetters !== null && names.has(deadLetters.topic) ? deadLetters.topic : null,
    ]),
  )
}

function newTopic(
  wanted: WantedTopic,
  sources: Sources,
): { topic: string; partitions: number; configs: Readonly<Record<string, string>> } {
  const source = sourceOf(wanted, sources)
  return { topic: wanted.topic, partitions: source.partitions, configs: configsOf(wanted, source) }
}

function sourceOf({ source }: WantedTopic, sources: Sources): SourceTopic {
  const found = sources.get(source)
  if (found === undefined) throw new RangeError(`expected ${source} to have been looked up`)
  return found
}
