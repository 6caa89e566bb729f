import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameError, FrameReader, frameBytesMax } from './frame-reader.ts'

function framed(body: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

function read(chunks: readonly Buffer[]): Buffer[] {
  const reader = new FrameReader()
  const frames: Buffer[] = []
  for (const chunk of chunks) reader.push(chunk, (frame) => frames.push(frame))
  return frames
}

const bodies = fc.array(fc.uint8Array({ minLength: 4, maxLength: 50 }), { minLength: 1, maxLength: 6 })

test('frames come out whole and in order, wherever the bytes are cut', () => {
  fc.assert(
    fc.property(bodies, fc.array(fc.nat(320)), (given, cuts) => {
      const bytes = Buffer.concat(given.map(framed))
      const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
      const chunks = edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))

      expect(read(chunks)).toEqual(given.map((body) => Buffer.from(body)))
    }),
  )
})

test('two frames are read when cut at every single byte, and byte by byte', () => {
  const given = [Buffer.from('first frame'), Buffer.from('the second')]
  const bytes = Buffer.concat(given.map(framed))
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(read([bytes.subarray(0, cut), bytes.subarray(cut)]), `cut at ${cut}`).toEqual(given)
  }
  expect(read([...bytes].map((byte) => Buffer.from([byte])))).toEqual(given)
})

test('a length that no frame can have is an error before anything is stored', () => {
  for (const length of [-1, 0, 3, frameBytesMax + 1, 0x15030300]) {
    const head = Buffer.alloc(4)
    head.writeInt32BE(length)
    expect(() => read([head]), `length ${length}`).toThrow(FrameError)
    expect(() => read([head.subarray(0, 2), head.subarray(2)]), `length ${length} in two chunks`).toThrow(FrameError)
  }
})
