/** Stands for a database: what it holds survives every crash of the processes that use it. */
import { json, topic } from 'holdfast'

export type Order = { readonly id: string; readonly customer: string; readonly total: number }

export const orders = topic('orders', { value: json<Order>(), key: (order) => order.customer })

export class Database {
  readonly totals = new Map<string, number>()
  readonly #counted = new Set<string>()

  async save(customer: string, total: number): Promise<void> {
    this.totals.set(customer, total)
  }

  async add({ customer, total }: Order): Promise<void> {
    this.totals.set(customer, (this.totals.get(customer) ?? 0) + total)
  }

  /** In one transaction: `insert into counted … on conflict do nothing`, and the update if that inserted a row. */
  async addOnce(order: Order): Promise<void> {
    if (this.#counted.has(order.id)) return
    this.#counted.add(order.id)
    await this.add(order)
  }
}
