/** Rows about bytes that are no request. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { frameOf } from '../wire.ts'

const metadataKey = 3

export const frameRows: readonly Row[] = [
  {
    id: 'frames/unserved-version-closes-the-connection',
    api: 'Metadata',
    when: 'a request comes in a version that is not served',
    expect: 'the connection is closed without an answer; other connections live on',
    rule: 'KIP-35; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const [wire, bystander] = await Promise.all([ground.node(), ground.node()])
      await expect(wire.raw(frameOf(metadataKey, 99, Buffer.alloc(0), true))).rejects.toThrow('closed')
      expect((await bystander.call('ApiVersions', 0, {})).errorCode).toBe(0)
    },
  },
  {
    id: 'frames/unserved-api-closes-the-connection',
    api: 'ApiVersions',
    when: 'the API key does not exist',
    expect: 'the connection is closed without an answer',
    rule: 'KIP-35; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      await expect(wire.raw(frameOf(9_999, 0, Buffer.alloc(0)))).rejects.toThrow('closed')
    },
  },
  {
    id: 'frames/truncated-body-closes-the-connection',
    api: 'Metadata',
    when: 'an array claims more elements than the frame has bytes',
    expect: 'the connection is closed without an answer',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      await expect(wire.raw(frameOf(metadataKey, 1, Buffer.of(0, 0, 0x7f, 0xff)))).rejects.toThrow('closed')
    },
  },
]
