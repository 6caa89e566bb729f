/** The client underneath, used as fast as it goes: its message stream in flowing mode, nothing awaited, nothing committed. It
 *  checks no checksums; that is its advantage, and its risk. */
import { Consumer } from '@platformatic/kafka'
import { type ConsumeGiven, newGroup, Tally } from './tally.ts'
import { type VitalFigures } from './vitals.ts'

export async function measureRaw({ bootstrap, topic, records }: ConsumeGiven): Promise<VitalFigures> {
  const tally = new Tally(records)
  const consumer = new Consumer({
    clientId: 'bench',
    groupId: newGroup(),
    bootstrapBrokers: bootstrap.split(','),
    autocommit: false,
  })
  consumer.on('consumer:group:join', tally.begin)
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest' })
  stream.on('data', () => void tally.handler())
  return tally.done
}
