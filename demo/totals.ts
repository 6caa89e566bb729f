/** Running totals per airport in SQLite. One strike is one transaction, and its id is part of it: handled twice, it counts
 *  once, whichever process handled it. That is all a handler needs for effectively-once results on at-least-once delivery. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type Strike } from './strikes.ts'

const schema = `
  create table if not exists applied (id integer primary key) without rowid;
  create table if not exists totals (
    airport text primary key,
    strikes integer not null,
    damaging integer not null,
    cost_dollars integer not null
  ) without rowid;
`

export class Totals {
  readonly #database: DatabaseSync
  readonly #begin: StatementSync
  readonly #claim: StatementSync
  readonly #add: StatementSync
  readonly #commit: StatementSync
  readonly #rollback: StatementSync

  constructor(file: string) {
    this.#database = new DatabaseSync(file)
    // Two consumer processes write to one database, so each waits for the other, from its first statement on.
    this.#database.exec('pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = normal')
    this.#database.exec(schema)
    this.#begin = this.#database.prepare('begin immediate')
    this.#claim = this.#database.prepare('insert or ignore into applied (id) values (?)')
    this.#add = this.#database.prepare(`
      insert into totals (airport, strikes, damaging, cost_dollars) values (?, 1, ?, ?)
      on conflict (airport) do update set
        strikes = strikes + 1, damaging = damaging + excluded.damaging, cost_dollars = cost_dollars + excluded.cost_dollars
    `)
    this.#commit = this.#database.prepare('commit')
    this.#rollback = this.#database.prepare('rollback')
  }

  /** Adds the strike to its airport, unless it is in there already. */
  add({ id, airport, damage, costTotalDollars }: Strike): void {
    this.#begin.run()
    try {
      const { changes } = this.#claim.run(id)
      if (changes === 1) this.#add.run(airport, damage === 'None' ? 0 : 1, costTotalDollars)
      this.#commit.run()
    } catch (error) {
      this.#rollback.run()
      throw error
    }
  }

  close(): void {
    this.#database.close()
  }
}
